import Primitives
import RTP

extension Instant {
    static func ms(_ value: Int64) -> Instant { Instant(nanoseconds: value * 1_000_000) }
}

extension PayloadType {
    static func of(_ value: UInt8) -> PayloadType { PayloadType(masking: value) }
}

extension NTPClock {
    /// 2024-01-01T00:00:00Z at instant zero.
    static let test = NTPClock(WallClock(secondsSince1970: 1_704_067_200), at: .zero)
}

extension SendStream.Configuration {
    static func video(
        ids: HeaderExtensionIDs = HeaderExtensionIDs(mid: 9, absoluteSendTime: 2, transportSequence: 4),
        rtx: Bool = true,
        history: Int = 256, random: inout RandomSource
    ) -> SendStream.Configuration {
        SendStream.Configuration(
            packetizer: Packetizer(.video(.vp8), random: &random), ssrc: SSRC(0x1111_1111), payloadType: .of(96),
            retransmissionSSRC: rtx ? SSRC(0x2222_2222) : nil, retransmissionType: rtx ? .of(97) : nil,
            clockRate: 90_000,
            mid: "0", extensionIDs: ids, historyCapacity: history)
    }

    static func audio() -> SendStream.Configuration {
        SendStream.Configuration(
            packetizer: .opus(OpusPacketizer()), ssrc: SSRC(0x3333_3333), payloadType: .of(111), clockRate: 48_000,
            mid: "1",
            extensionIDs: HeaderExtensionIDs(mid: 9, transportSequence: 4))
    }
}

extension SendStream {
    static func video(
        ids: HeaderExtensionIDs = HeaderExtensionIDs(mid: 9, absoluteSendTime: 2, transportSequence: 4),
        rtx: Bool = true,
        history: Int = 256
    ) -> SendStream {
        var random = RandomSource.seeded(5)
        return SendStream(
            .video(ids: ids, rtx: rtx, history: history, random: &random), ntp: .test, random: &random, origin: .zero)
    }

    /// Where it does not matter when a frame was cut: at once.
    mutating func packetize(
        _ frame: Span<UInt8>, isKeyframe: Bool, captureTime: Instant
    ) -> SequenceRange {
        packetize(frame, isKeyframe: isKeyframe, captureTime: captureTime, now: captureTime)
    }

    /// The packet's bytes as they would go to SRTP; nil when the history has lost it.
    mutating func written(
        _ sequence: SequenceNumber, as kind: PacketKind = .media, transport: UInt16? = nil, now: Instant = .zero
    ) -> [UInt8]? {
        var packet = PacketBuffer(capacity: 1500)
        let extensions = SendTimeExtensions(transportSequence: transport.map { SequenceNumber($0) })
        guard write(sequence, as: kind, extensions: extensions, into: &packet, now: now) else { return nil }
        return packet.bytes.copied()
    }
}

/// A VP8 frame of `size` bytes: a header that says keyframe or not, then a pattern.
func vp8Frame(_ size: Int, isKeyframe: Bool, seed: UInt8 = 0) -> [UInt8] {
    var frame = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) &+ seed }
    if size > 0 { frame[0] = isKeyframe ? 0x10 : 0x11 }
    if isKeyframe, size >= 10 { frame.replaceSubrange(3..<10, with: [0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01]) }
    return frame
}

struct Missing: Error {}

extension SendStream {
    /// As `written`, where the packet must be there.
    mutating func packet(
        _ sequence: SequenceNumber, as kind: PacketKind = .media, transport: UInt16? = nil, now: Instant = .zero
    ) throws -> ReadPacket {
        guard let bytes = written(sequence, as: kind, transport: transport, now: now) else { throw Missing() }
        return try ReadPacket(bytes)
    }
}

/// A packet's parts as copies, which expectations can look at.
struct ReadPacket: Equatable {
    var bytes: [UInt8]
    var header: RTPHeader
    var extensions: [UInt8: [UInt8]]
    var payload: [UInt8]
    var paddingSize: Int
    /// The descriptor and what stands behind it, for VP8.
    var descriptor: VP8PayloadDescriptor?
    var media: [UInt8]

    init(_ bytes: [UInt8]) throws {
        let packet = try RTPPacket(parsing: bytes.span)
        self.bytes = bytes
        header = packet.header
        payload = packet.payload.copied()
        paddingSize = packet.paddingSize
        extensions = [:]
        for id in UInt8(1)...255 {
            if let value = packet.extensions.value(id) { extensions[id] = value.copied() }
        }
        var reader = ByteReader(packet.payload)
        descriptor = try? VP8PayloadDescriptor(parsing: &reader)
        media = reader.readRemaining().copied()
    }
}
