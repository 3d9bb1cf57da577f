public import Primitives

/// One packet of an RTCP compound, read in place. Lists inside are read by index.
public enum RTCPPacket: ~Escapable {
    /// SR (RFC 3550 section 6.4.1).
    case senderReport(SSRC, SenderInformation, ReportBlockList)
    /// RR (RFC 3550 section 6.4.2).
    case receiverReport(SSRC, ReportBlockList)
    /// SDES (RFC 3550 section 6.5); its items are not needed here.
    case sourceDescription
    /// BYE (RFC 3550 section 6.6).
    case goodbye(SSRCList)
    /// Generic NACK (RFC 4585 section 6.2.1).
    case nack(media: SSRC, NackList)
    /// PLI (RFC 4585 section 6.3.1).
    case pictureLossIndication(media: SSRC)
    /// FIR (RFC 5104 section 4.3.1).
    case fullIntraRequest(FullIntraRequestList)
    /// REMB (draft-alvestrand-rmcat-remb section 2).
    case receiverEstimate(Bitrate, SSRCList)
    /// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
    case transportFeedback(TransportFeedback)
    /// XR, APP and everything unknown: skipped (RFC 3550 section 6.1).
    case other(type: UInt8)
}

/// Reads the packets of an RTCP datagram, compound or reduced-size (RFC 5506).
public struct RTCPReader: ~Escapable {
    private var reader: ByteReader

    /// Reads in place; the datagram must outlive the reader.
    @_lifetime(copy datagram)
    public init(_ datagram: Span<UInt8>) {
        reader = ByteReader(datagram)
    }

    /// The next packet; nil at the end.
    ///
    /// - Throws: `RTPError` where the framing or a known packet is broken. Reading cannot go on then.
    @_lifetime(copy self)
    public mutating func next() throws(RTPError) -> RTCPPacket? {
        if reader.isAtEnd { return nil }
        let first: UInt8
        let type: UInt8
        var body: Span<UInt8>
        do throws(ByteReaderError) {
            first = try reader.readUInt8()
            type = try reader.readUInt8()
            let words = try reader.readUInt16()
            body = try reader.readBytes(4 * Int(words))
        } catch { throw .truncated }
        guard first >> 6 == 2 else { throw .unsupportedVersion }
        if first & 0x20 != 0 {
            // Only the last packet of a compound has padding, counted in its last byte.
            let padding = body.isEmpty ? 0 : Int(body[body.count - 1])
            guard padding > 0, padding <= body.count, reader.isAtEnd else { throw .malformedPadding }
            body = body.extracting(0..<body.count - padding)
        }
        return try RTCPPacket(type: type, count: first & 0x1F, body: body)
    }
}

extension RTCPPacket {
    static let senderReportType: UInt8 = 200
    static let receiverReportType: UInt8 = 201
    static let sourceDescriptionType: UInt8 = 202
    static let goodbyeType: UInt8 = 203
    /// Transport layer feedback, RTPFB.
    static let transportLayerType: UInt8 = 205
    /// Payload-specific feedback, PSFB.
    static let payloadSpecificType: UInt8 = 206

    @_lifetime(copy body)
    fileprivate init(type: UInt8, count: UInt8, body: Span<UInt8>) throws(RTPError) {
        var reader = ByteReader(body)
        do throws(ByteReaderError) {
            switch type {
            case RTCPPacket.senderReportType:
                let ssrc = SSRC(try reader.readUInt32())
                let information = SenderInformation(
                    ntp: try reader.readUInt64(), timestamp: try reader.readUInt32(), packets: try reader.readUInt32(),
                    bytes: try reader.readUInt32())
                self = .senderReport(
                    ssrc, information, ReportBlockList(bytes: try reader.readBytes(ReportBlock.size * Int(count))))
            case RTCPPacket.receiverReportType:
                let ssrc = SSRC(try reader.readUInt32())
                self = .receiverReport(
                    ssrc, ReportBlockList(bytes: try reader.readBytes(ReportBlock.size * Int(count))))
            case RTCPPacket.sourceDescriptionType:
                self = .sourceDescription
            case RTCPPacket.goodbyeType:
                self = .goodbye(SSRCList(bytes: try reader.readBytes(4 * Int(count))))
            case RTCPPacket.transportLayerType:
                try reader.skip(4)
                let media = SSRC(try reader.readUInt32())
                switch count {
                case 1: self = .nack(media: media, NackList(bytes: reader.readRemaining()))
                case 15: self = .transportFeedback(try TransportFeedback(media: media, reader: &reader))
                default: self = .other(type: type)
                }
            case RTCPPacket.payloadSpecificType:
                try reader.skip(4)
                let media = SSRC(try reader.readUInt32())
                switch count {
                case 1: self = .pictureLossIndication(media: media)
                case 4: self = .fullIntraRequest(FullIntraRequestList(bytes: reader.readRemaining()))
                case 15:
                    // "REMB": other applications' feedback shares the format number.
                    guard reader.remaining >= 8, try reader.readUInt32() == 0x5245_4D42 else {
                        self = .other(type: type)
                        return
                    }
                    let sources = Int(try reader.readUInt8())
                    let rate = try reader.readUInt24()
                    self = .receiverEstimate(
                        Bitrate(exponent: rate >> 18, mantissa: rate & 0x3FFFF),
                        SSRCList(bytes: try reader.readBytes(4 * sources)))
                default: self = .other(type: type)
                }
            default: self = .other(type: type)
            }
        } catch { throw .malformedReport }
    }
}

/// The sender's part of a sender report.
public struct SenderInformation: Hashable, Sendable {
    /// When the report was sent: 32 bits of seconds since 1900, 32 of fraction.
    public var ntp: UInt64
    /// The same moment on the stream's RTP clock.
    public var timestamp: UInt32
    /// Packets sent since the stream began; wraps.
    public var packets: UInt32
    /// Payload bytes sent since the stream began; wraps.
    public var bytes: UInt32

    /// Nothing is checked.
    public init(ntp: UInt64, timestamp: UInt32, packets: UInt32, bytes: UInt32) {
        self.ntp = ntp
        self.timestamp = timestamp
        self.packets = packets
        self.bytes = bytes
    }

    /// The middle of the NTP time, which report blocks give back.
    public var compactNTP: UInt32 { UInt32(truncatingIfNeeded: ntp >> 16) }
}

/// A report block (RFC 3550 section 6.4.1).
public struct ReportBlock: Hashable, Sendable {
    static let size = 24

    /// Whose packets the block speaks of.
    public var ssrc: SSRC
    /// In 1/256 since the previous report.
    public var fractionLost: UInt8
    /// Since the beginning, -8,388,608 … 8,388,607; negative with duplicates.
    public var cumulativeLost: Int32
    /// Cycles of 65,536 in the upper half.
    public var extendedHighestSequence: UInt32
    /// In ticks of the RTP clock.
    public var jitter: UInt32
    /// Middle 32 bits of the NTP time of the last SR; 0 before one came.
    public var lastSenderReport: UInt32
    /// In 1/65,536 s.
    public var delaySinceLastSenderReport: UInt32

    /// Nothing is checked; `cumulativeLost` is cut to 24 bits when it is written.
    public init(
        ssrc: SSRC, fractionLost: UInt8, cumulativeLost: Int32, extendedHighestSequence: UInt32, jitter: UInt32,
        lastSenderReport: UInt32, delaySinceLastSenderReport: UInt32
    ) {
        self.ssrc = ssrc
        self.fractionLost = fractionLost
        self.cumulativeLost = cumulativeLost
        self.extendedHighestSequence = extendedHighestSequence
        self.jitter = jitter
        self.lastSenderReport = lastSenderReport
        self.delaySinceLastSenderReport = delaySinceLastSenderReport
    }
}

/// The report blocks of a report.
public struct ReportBlockList: ~Escapable {
    let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(bytes: Span<UInt8>) { self.bytes = bytes }

    /// At most 31: the header has five bits for it.
    public var count: Int { bytes.count / ReportBlock.size }

    /// The block at this index; traps outside 0 ..< `count`.
    public subscript(index: Int) -> ReportBlock {
        let at = index * ReportBlock.size
        let lost = bytes.uint32(at + 4)
        return ReportBlock(
            ssrc: SSRC(bytes.uint32(at)), fractionLost: UInt8(truncatingIfNeeded: lost >> 24),
            // Sign-extends the 24 bits.
            cumulativeLost: Int32(bitPattern: lost << 8) >> 8, extendedHighestSequence: bytes.uint32(at + 8),
            jitter: bytes.uint32(at + 12), lastSenderReport: bytes.uint32(at + 16),
            delaySinceLastSenderReport: bytes.uint32(at + 20))
    }
}

/// A list of sources.
public struct SSRCList: ~Escapable {
    let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(bytes: Span<UInt8>) { self.bytes = bytes }

    /// At most 31 in a BYE.
    public var count: Int { bytes.count / 4 }
    /// The source at this index; traps outside 0 ..< `count`.
    public subscript(index: Int) -> SSRC { SSRC(bytes.uint32(index * 4)) }
}

/// The items of a generic NACK: a packet and a bit mask of the 16 after it.
public struct NackList: ~Escapable {
    let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(bytes: Span<UInt8>) { self.bytes = bytes }

    /// As many as the packet's length says.
    public var count: Int { bytes.count / 4 }

    /// The item at this index; traps outside 0 ..< `count`.
    public subscript(index: Int) -> NackItem {
        let value = bytes.uint32(index * 4)
        return NackItem(
            first: SequenceNumber(UInt16(truncatingIfNeeded: value >> 16)), mask: UInt16(truncatingIfNeeded: value))
    }
}

/// One item of a NACK (RFC 4585 section 6.2.1).
public struct NackItem: Hashable, Sendable, Sequence {
    /// PID.
    public var first: SequenceNumber
    /// BLP: bit i stands for the packet i + 1 after the first.
    public var mask: UInt16

    /// A mask of 0 asks for `first` alone.
    public init(first: SequenceNumber, mask: UInt16) {
        self.first = first
        self.mask = mask
    }

    public func makeIterator() -> Iterator { Iterator(item: self) }

    /// Up to 17 numbers.
    public struct Iterator: IteratorProtocol, Sendable {
        let item: NackItem
        var step = 0

        init(item: NackItem) { self.item = item }

        /// The next number asked for; nil at the end.
        public mutating func next() -> SequenceNumber? {
            while step <= 16 {
                defer { step += 1 }
                if step == 0 || item.mask >> UInt16(step - 1) & 1 == 1 {
                    return SequenceNumber(item.first.rawValue &+ UInt16(step))
                }
            }
            return nil
        }
    }
}

/// The entries of a FIR: for each source a sequence number that tells new requests from repeated ones.
public struct FullIntraRequestList: ~Escapable {
    let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(bytes: Span<UInt8>) { self.bytes = bytes }

    /// As many as the packet's length says.
    public var count: Int { bytes.count / 8 }

    /// The entry at this index; traps outside 0 ..< `count`.
    public subscript(index: Int) -> (ssrc: SSRC, sequence: UInt8) {
        (SSRC(bytes.uint32(index * 8)), bytes[index * 8 + 4])
    }
}

extension Bitrate {
    /// REMB's floating form; beyond what 63 bits hold it means no bound.
    init(exponent: UInt32, mantissa: UInt32) {
        let value = UInt64(mantissa)
        let fits = value.leadingZeroBitCount > Int(exponent)
        self.init(bitsPerSecond: fits ? Int64(value << UInt64(exponent)) : Int64.max)
    }

    /// Mantissa of 18 bits and exponent of 6, rounded down.
    var exponentAndMantissa: (exponent: UInt32, mantissa: UInt32) {
        var mantissa = UInt64(max(0, bitsPerSecond))
        var exponent: UInt32 = 0
        while mantissa > 0x3FFFF {
            mantissa >>= 1
            exponent += 1
        }
        return (exponent, UInt32(mantissa))
    }
}

extension Span where Element == UInt8 {
    func uint16(_ at: Int) -> UInt16 { UInt16(self[at]) << 8 | UInt16(self[at + 1]) }
    func uint32(_ at: Int) -> UInt32 { UInt32(uint16(at)) << 16 | UInt32(uint16(at + 2)) }
}
