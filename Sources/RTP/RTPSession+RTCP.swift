public import Primitives

extension RTPSession {
    /// Takes in an RTCP datagram after SRTP has accepted it. What it says comes out of `pollEvent`.
    public mutating func handleRTCP(_ datagram: Span<UInt8>, now: Instant) {
        packetArrivals.removeAll(keepingCapacity: true)
        var reader = RTCPReader(datagram)
        do throws(RTPError) {
            while let packet = try reader.next() { try handle(packet, now: now) }
        } catch {
            dropped.add(.malformedReport)
        }
        if !packetArrivals.isEmpty { events.append(.transportFeedback) }
    }

    private mutating func handle(_ packet: borrowing RTCPPacket, now: Instant) throws(RTPError) {
        switch packet {
        case .senderReport(let ssrc, let information, let blocks):
            if let stream = routes[ssrc], receiveStreams[stream].ssrc == ssrc {
                receiveStreams[stream].reception.receive(information, now: now)
            }
            handle(blocks, now: now)
        case .receiverReport(_, let blocks): handle(blocks, now: now)
        case .sourceDescription, .other: break
        case .goodbye(let sources):
            for index in 0..<sources.count { events.append(.goodbye(sources[index])) }
        case .nack(let media, let items): handle(items, media: media, now: now)
        case .pictureLossIndication(let media):
            guard let stream = sendStream(media) else { return dropped.add(.unknownSource) }
            sendStreams[stream].statistics.pictureLossIndications += 1
            events.append(.keyframeRequested(stream: stream))
        case .fullIntraRequest(let requests):
            for index in 0..<requests.count {
                let (ssrc, sequence) = requests[index]
                guard let stream = sendStream(ssrc) else {
                    dropped.add(.unknownSource)
                    continue
                }
                sendStreams[stream].statistics.fullIntraRequests += 1
                if sendStreams[stream].isNewFullIntraRequest(sequence) {
                    events.append(.keyframeRequested(stream: stream))
                }
            }
        case .receiverEstimate(let rate, _): events.append(.receiverEstimate(rate))
        case .transportFeedback(let feedback):
            try feedback.read(into: &packetArrivals, following: &reference, now: now)
        }
    }

    private mutating func handle(_ blocks: borrowing ReportBlockList, now: Instant) {
        for index in 0..<blocks.count {
            let block = blocks[index]
            // Reports about retransmission sources say nothing that is needed.
            guard let stream = sendStreams.firstIndex(where: { $0.ssrc == block.ssrc }) else { continue }
            sendStreams[stream].handle(block, now: now)
            events.append(.lossReported(stream: stream, fraction: Double(block.fractionLost) / 256))
            if block.lastSenderReport != 0, let time = sendStreams[stream].roundTripTime {
                for index in sendStreams.indices { sendStreams[index].roundTripTime = time }
                for index in receiveStreams.indices { receiveStreams[index].nack.roundTripTime = time }
                events.append(.roundTripTime(time))
            }
        }
    }

    private mutating func handle(_ items: borrowing NackList, media: SSRC, now: Instant) {
        guard let stream = sendStream(media) else { return dropped.add(.unknownSource) }
        sendStreams[stream].statistics.nacks += 1
        for index in 0..<items.count {
            for sequence in items[index] where sendStreams[stream].requestRetransmission(of: sequence, now: now) {
                events.append(.retransmit(stream: stream, sequence: sequence))
            }
        }
    }

    private func sendStream(_ ssrc: SSRC) -> Int? { sendStreams.firstIndex { $0.ssrc == ssrc } }

    // MARK: Writing

    /// Writes the next RTCP datagram into an empty buffer; false when there is none.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Bool {
        precondition(packet.count == 0, "rtp session: packets are written into an empty buffer")
        if isReportDue {
            isReportDue = false
            writeReport(into: &packet, now: now)
            return true
        }
        if isFeedbackDue {
            if writeTransportFeedback(into: &packet, now: now) { return true }
            isFeedbackDue = false
        }
        for index in receiveStreams.indices where writeFeedback(of: index, into: &packet, now: now) { return true }
        return false
    }

    /// A compound: a sender report for each stream that sends, or a receiver report, then SDES, then BYE.
    private mutating func writeReport(into packet: inout PacketBuffer, now: Instant) {
        var blocks: [ReportBlock] = []
        for index in receiveStreams.indices.prefix(31) where receiveStreams[index].reception.received > 0 {
            let ssrc = receiveStreams[index].ssrc
            blocks.append(receiveStreams[index].reception.report(on: ssrc, now: now))
        }
        let senders = sendStreams.filter { $0.statistics.reportedPackets > 0 && !$0.hasEnded }
        packet.write { writer in
            for (index, stream) in senders.enumerated() {
                writer.writeSenderReport(stream.ssrc, stream.senderInformation(now: now), index == 0 ? blocks : [])
            }
            if senders.isEmpty { writer.writeReceiverReport(localSSRC, blocks) }
            writer.writeSourceDescription(senders.isEmpty ? [localSSRC] : senders.map(\.ssrc), cname: cname)
            if !goodbyes.isEmpty { writer.writeGoodbye(goodbyes) }
        }
        goodbyes = []
    }

    private var localSSRC: SSRC { sendStreams.first?.ssrc ?? receiverSSRC }

    /// Feedback without a report needs the peer's consent (RFC 5506); with it goes an empty report otherwise.
    private func beginFeedback(_ writer: inout ByteWriter) {
        if configuration.usesReducedSize { return }
        writer.writeReceiverReport(localSSRC, [])
        writer.writeSourceDescription([localSSRC], cname: cname)
    }

    private mutating func writeTransportFeedback(into packet: inout PacketBuffer, now: Instant) -> Bool {
        guard !recorder.isEmpty else { return false }
        var wrote = false
        let media = receiveStreams.first?.ssrc ?? SSRC(0)
        let before = packet.count
        packet.write { writer in
            beginFeedback(&writer)
            wrote = recorder.write(into: &writer, sender: localSSRC, media: media)
        }
        if !wrote { packet.setCount(before) }
        return wrote
    }

    private mutating func writeFeedback(of index: Int, into packet: inout PacketBuffer, now: Instant) -> Bool {
        let media = receiveStreams[index].ssrc
        if receiveStreams[index].takeKeyframeRequest(now: now) {
            packet.write { writer in
                beginFeedback(&writer)
                writer.writePictureLossIndication(sender: localSSRC, media: media)
            }
            return true
        }
        nackItems.removeAll(keepingCapacity: true)
        receiveStreams[index].nack.requests(into: &nackItems, limit: 128, now: now)
        guard !nackItems.isEmpty else { return false }
        receiveStreams[index].statistics.nacks += 1
        packet.write { writer in
            beginFeedback(&writer)
            writer.writeNack(sender: localSSRC, media: media, nackItems)
        }
        return true
    }
}
