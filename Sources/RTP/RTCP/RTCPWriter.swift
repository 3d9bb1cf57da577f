import Primitives

// RTCP packets, written one behind another into a datagram.

extension ByteWriter {
    /// A sender report (RFC 3550 section 6.4.1) with at most 31 blocks.
    mutating func writeSenderReport(_ ssrc: SSRC, _ information: SenderInformation, _ blocks: [ReportBlock]) {
        let start = beginRTCP(RTCPPacket.senderReportType, count: UInt8(blocks.count))
        write(ssrc.rawValue)
        write(information.ntp)
        write(information.timestamp)
        write(information.packets)
        write(information.bytes)
        for block in blocks { write(block) }
        endRTCP(start)
    }

    /// A receiver report (RFC 3550 section 6.4.2) with at most 31 blocks.
    mutating func writeReceiverReport(_ ssrc: SSRC, _ blocks: [ReportBlock]) {
        let start = beginRTCP(RTCPPacket.receiverReportType, count: UInt8(blocks.count))
        write(ssrc.rawValue)
        for block in blocks { write(block) }
        endRTCP(start)
    }

    private mutating func write(_ block: ReportBlock) {
        write(block.ssrc.rawValue)
        write(UInt32(block.fractionLost) << 24 | UInt32(bitPattern: block.cumulativeLost) & 0xFF_FFFF)
        write(block.extendedHighestSequence)
        write(block.jitter)
        write(block.lastSenderReport)
        write(block.delaySinceLastSenderReport)
    }

    /// SDES with the CNAME of each source (RFC 3550 section 6.5.1).
    mutating func writeSourceDescription(_ sources: [SSRC], cname: [UInt8]) {
        let start = beginRTCP(RTCPPacket.sourceDescriptionType, count: UInt8(sources.count))
        for source in sources {
            write(source.rawValue)
            write(1 as UInt8)
            write(UInt8(cname.count))
            write(cname)
            // At least one zero ends the chunk, and as many more as reach the next word.
            write(zeros: 4 - (count - start) % 4)
        }
        endRTCP(start)
    }

    mutating func writeGoodbye(_ sources: [SSRC]) {
        precondition(sources.count <= 31, "rtcp goodbye: its count has five bits")
        let start = beginRTCP(RTCPPacket.goodbyeType, count: UInt8(sources.count))
        for source in sources { write(source.rawValue) }
        endRTCP(start)
    }

    mutating func writeNack(sender: SSRC, media: SSRC, _ items: [NackItem]) {
        let start = beginRTCP(RTCPPacket.transportLayerType, count: 1)
        write(sender.rawValue)
        write(media.rawValue)
        for item in items {
            write(item.first.rawValue)
            write(item.mask)
        }
        endRTCP(start)
    }

    mutating func writePictureLossIndication(sender: SSRC, media: SSRC) {
        let start = beginRTCP(RTCPPacket.payloadSpecificType, count: 1)
        write(sender.rawValue)
        write(media.rawValue)
        endRTCP(start)
    }

    mutating func writeFullIntraRequest(sender: SSRC, media: SSRC, sequence: UInt8) {
        let start = beginRTCP(RTCPPacket.payloadSpecificType, count: 4)
        write(sender.rawValue)
        write(0 as UInt32)
        write(media.rawValue)
        write(UInt32(sequence) << 24)
        endRTCP(start)
    }

    mutating func writeReceiverEstimate(sender: SSRC, _ rate: Bitrate, sources: [SSRC]) {
        let start = beginRTCP(RTCPPacket.payloadSpecificType, count: 15)
        write(sender.rawValue)
        write(0 as UInt32)
        write(0x5245_4D42 as UInt32)
        write(UInt8(sources.count))
        let (exponent, mantissa) = rate.exponentAndMantissa
        writeUInt24(exponent << 18 | mantissa)
        for source in sources { write(source.rawValue) }
        endRTCP(start)
    }

    /// Begins a packet; `count` is the five bits beside the version. Returns where it starts.
    mutating func beginRTCP(_ type: UInt8, count: UInt8) -> Int {
        let start = self.count
        write(0x80 | count)
        write(type)
        write(0 as UInt16)
        return start
    }

    /// Ends a packet that began at `start`: pads it to whole words, as the packet's own format asks for, and sets its
    /// length.
    mutating func endRTCP(_ start: Int) {
        if (count - start) % 4 != 0 { write(zeros: 4 - (count - start) % 4) }
        patch(UInt16(truncatingIfNeeded: (count - start) / 4 - 1), at: start + 2)
    }
}
