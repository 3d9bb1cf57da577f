public import Primitives

/// How a frame's bytes become RTP payloads.
public enum Packetizer: Sendable {
    case vp8(VP8Packetizer)
    case opus(OpusPacketizer)

    /// At the beginning of a stream; `random` gives what must not be guessed.
    public init(_ codec: MediaCodec, random: inout RandomSource) {
        switch codec {
        case .video(.vp8): self = .vp8(VP8Packetizer(random: &random))
        case .opus: self = .opus(OpusPacketizer())
        }
    }

    /// What it cuts.
    public var codec: MediaCodec {
        switch self {
        case .vp8: .video(.vp8)
        case .opus: .opus
        }
    }

    /// Plans one frame's packets. `count` is 0 for an empty frame and for an Opus packet that does not fit.
    mutating func plan(size: Int, captureTime: Instant, maximumPayload: Int) -> PacketPlan {
        switch self {
        case .vp8(var packetizer):
            let plan = packetizer.plan(size: size, maximumPayload: maximumPayload)
            self = .vp8(packetizer)
            return plan
        case .opus(var packetizer):
            let plan = packetizer.plan(size: size, captureTime: captureTime, maximumPayload: maximumPayload)
            self = .opus(packetizer)
            return plan
        }
    }
}

/// What stands in front of a frame's bytes in each payload, as the codec's payload format has it.
enum PayloadDescriptor: Hashable, Sendable {
    /// Nothing: the payload is the codec's packet (RFC 7587 section 4.2).
    case none
    case vp8(VP8PayloadDescriptor)

    /// Bytes that it takes.
    var size: Int {
        switch self {
        case .none: 0
        case .vp8(let descriptor): descriptor.size
        }
    }

    func write(into writer: inout ByteWriter) {
        switch self {
        case .none: break
        case .vp8(let descriptor): descriptor.write(into: &writer)
        }
    }

    /// The descriptor of the same frame's later payloads.
    var following: PayloadDescriptor {
        switch self {
        case .none: return .none
        case .vp8(var descriptor):
            descriptor.startsPartition = false
            return .vp8(descriptor)
        }
    }
}

/// What a payload says of its frame, and where the frame's bytes begin in it.
struct ParsedPayload {
    var startsFrame: Bool
    var isKeyframe: Bool
    var offset: Int

    /// - Throws: when the payload's descriptor cannot be read.
    init(_ payload: Span<UInt8>, of codec: MediaCodec) throws(RTPError) {
        switch codec {
        case .opus: self.init(startsFrame: true, isKeyframe: true, offset: 0)
        case .video(.vp8):
            var reader = ByteReader(payload)
            let descriptor = try VP8PayloadDescriptor(parsing: &reader)
            let startsFrame = descriptor.startsPartition && descriptor.partition == 0
            let rest = payload.extracting(reader.offset..<payload.count)
            self.init(
                startsFrame: startsFrame, isKeyframe: startsFrame && !rest.isEmpty && rest[0] & 1 == 0,
                offset: reader.offset)
        }
    }

    private init(startsFrame: Bool, isKeyframe: Bool, offset: Int) {
        self.startsFrame = startsFrame
        self.isKeyframe = isKeyframe
        self.offset = offset
    }
}

/// How one frame is cut: `count` payloads of almost equal size, each behind its descriptor.
struct PacketPlan {
    var count: Int
    var frameSize: Int
    /// The descriptor of the first payload.
    var descriptor: PayloadDescriptor
    /// Whether the last packet of the frame carries the marker bit (video), or the packet that starts a talkspurt
    /// (audio, RFC 7587 section 4.1).
    var marksLast: Bool

    /// The frame's bytes in payload `index`: sizes differ by one at most, so that no small packet trails, which would be
    /// lost alone and cost a whole header.
    func range(_ index: Int) -> Range<Int> {
        let base = frameSize / count
        let larger = frameSize % count
        let start = index * base + min(index, larger)
        return start..<start + base + (index < larger ? 1 : 0)
    }

    func descriptor(_ index: Int) -> PayloadDescriptor { index > 0 ? descriptor.following : descriptor }
}

/// Puts one Opus packet into one RTP packet (RFC 7587 section 4.2).
public struct OpusPacketizer: Sendable {
    var lastCapture: Instant?

    /// Begins with a talkspurt: the first packet carries the marker.
    public init() { lastCapture = nil }

    mutating func plan(size: Int, captureTime: Instant, maximumPayload: Int) -> PacketPlan {
        // With DTX the encoder is silent between talkspurts: a gap longer than a frame marks the next one's start.
        let isTalkspurt = lastCapture.map { captureTime - $0 > .milliseconds(130) } ?? true
        lastCapture = captureTime
        return PacketPlan(
            count: size > 0 && size <= maximumPayload ? 1 : 0, frameSize: size, descriptor: .none,
            marksLast: isTalkspurt)
    }
}
