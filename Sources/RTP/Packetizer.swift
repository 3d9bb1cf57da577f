public import Primitives

/// How a frame's bytes become RTP payloads.
public enum Packetizer: Sendable {
    case vp8(VP8Packetizer)
    case opus(OpusPacketizer)

    /// Which of the two media its packets are.
    public var kind: MediaKind {
        switch self {
        case .vp8: .video
        case .opus: .audio
        }
    }

    /// Plans one frame's packets. `count` is 0 for an empty frame and for an Opus packet that does not fit.
    mutating func plan(size: Int, layer: TemporalLayerInfo?, captureTime: Instant, maximumPayload: Int) -> PacketPlan {
        switch self {
        case .vp8(var packetizer):
            let plan = packetizer.plan(size: size, layer: layer, maximumPayload: maximumPayload)
            self = .vp8(packetizer)
            return plan
        case .opus(var packetizer):
            let plan = packetizer.plan(size: size, captureTime: captureTime, maximumPayload: maximumPayload)
            self = .opus(packetizer)
            return plan
        }
    }
}

/// A frame's place among temporal layers, as the encoder made it.
public struct TemporalLayerInfo: Hashable, Sendable {
    /// 0 is the base layer.
    public var index: UInt8
    /// Depends on the base layer only.
    public var isSynchronizationPoint: Bool
    /// No other frame refers to it.
    public var isNonReference: Bool

    /// Nothing is checked; the wire has two bits for `index`.
    public init(index: UInt8, isSynchronizationPoint: Bool, isNonReference: Bool) {
        self.index = index
        self.isSynchronizationPoint = isSynchronizationPoint
        self.isNonReference = isNonReference
    }
}

/// How one frame is cut: `count` payloads of almost equal size, each behind its descriptor.
struct PacketPlan {
    var count: Int
    var frameSize: Int
    /// The descriptor of the first payload; the others differ in `startsPartition`.
    var descriptor: VP8PayloadDescriptor?
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

    func descriptor(_ index: Int) -> VP8PayloadDescriptor? {
        guard var descriptor, index > 0 else { return descriptor }
        descriptor.startsPartition = false
        return descriptor
    }
}

/// Cuts VP8 frames into payloads (RFC 7741): all of a frame as one partition, each packet with a 15-bit picture ID.
public struct VP8Packetizer: Sendable {
    var pictureID: UInt16
    var temporalBaseIndex: UInt8

    /// RFC 7741 section 4.2: the picture ID "SHOULD" start at a random number.
    public init(random: inout RandomSource) {
        pictureID = UInt16.random(in: 0...0x7FFF, using: &random)
        temporalBaseIndex = UInt8.random(in: 0...255, using: &random)
    }

    mutating func plan(size: Int, layer: TemporalLayerInfo?, maximumPayload: Int) -> PacketPlan {
        var descriptor = VP8PayloadDescriptor(startsPartition: true, pictureID: pictureID)
        pictureID = (pictureID &+ 1) & 0x7FFF
        if let layer {
            if layer.index == 0 { temporalBaseIndex &+= 1 }
            descriptor.isNonReference = layer.isNonReference
            descriptor.temporalBaseIndex = temporalBaseIndex
            descriptor.temporalLayer = VP8PayloadDescriptor.TemporalLayer(
                index: layer.index & 3, isSynchronizationPoint: layer.isSynchronizationPoint)
        }
        let room = maximumPayload - descriptor.size
        precondition(room > 0, "vp8 packetizer: no room behind the payload descriptor")
        return PacketPlan(
            count: (size + room - 1) / room, frameSize: size, descriptor: descriptor, marksLast: true)
    }
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
            count: size > 0 && size <= maximumPayload ? 1 : 0, frameSize: size, descriptor: nil, marksLast: isTalkspurt)
    }
}
