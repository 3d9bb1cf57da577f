public import Primitives

// One stream of media that we receive: the operator's voice at the kiosk, and the whole of the monitor's side where
// one plays against us in simulation.
//
//   RTPPacket ─ receive ─▶ ring of packets by sequence number ─ nextFrame ─▶ frames in order
//                 │                      │
//                 ├▶ statistics ─▶ RR    └ gaps ─▶ NACK, then given up: PLI (video), silence (audio)
//
// Video restarts at a keyframe after a gap that was given up: what refers to a lost picture cannot be shown.

/// A stream of media that we receive.
public struct ReceiveStream: Sendable {
    /// What is agreed for the stream.
    public struct Configuration: Sendable {
        /// Decides how frames are put together.
        public var codec: MediaCodec
        /// Of media packets; another one is counted as `unknownPayloadType`.
        public var payloadType: PayloadType
        /// Of retransmissions (RFC 4588); nil without.
        public var retransmissionType: PayloadType?
        /// Hertz of the RTP clock.
        public var clockRate: Int32
        /// Whether lost packets are asked for.
        public var usesNack: Bool
        /// How long a gap may hold up the frames behind it.
        public var patience: Duration

        /// `patience` nil takes 500 ms for video, 60 ms for audio.
        public init(
            codec: MediaCodec, payloadType: PayloadType, retransmissionType: PayloadType? = nil, clockRate: Int32,
            usesNack: Bool, patience: Duration? = nil
        ) {
            self.codec = codec
            self.payloadType = payloadType
            self.retransmissionType = retransmissionType
            self.clockRate = clockRate
            self.usesNack = usesNack
            self.patience = patience ?? (codec.kind == .video ? .milliseconds(500) : .milliseconds(60))
        }
    }

    static let capacity = 1024
    static let slotSize = 1500

    struct Entry: Sendable {
        var sequence: Int64
        var timestamp: UInt32
        var size: Int
        var hasMarker: Bool
        var startsFrame: Bool
        var isKeyframe: Bool
        var arrival: Instant
    }

    /// As it was made; it never changes.
    public let configuration: Configuration
    /// The media source.
    public let ssrc: SSRC
    /// Counted since the stream was made.
    public internal(set) var statistics: ReceiveStatistics
    /// Packets of this stream that were not used, by reason.
    public internal(set) var dropped: Counter<RTPDropReason>
    var reception: ReceptionStatistics
    var retransmissionUnwrap: SequenceUnwrapper
    var nack: NackGenerator
    var entries: [Entry?]
    var bytes: [UInt8]
    /// The first sequence number not handed out or given up yet.
    var next: Int64?
    var highest: Int64
    /// When the hole at `next` was found, while there is one.
    var waitingSince: Instant?
    /// Whether video cannot go on before a keyframe.
    var needsKeyframe: Bool
    var keyframeRequestAt: Instant?

    /// A stream that waits for its first packet; video for its first keyframe.
    public init(_ configuration: Configuration, ssrc: SSRC) {
        self.configuration = configuration
        self.ssrc = ssrc
        statistics = ReceiveStatistics()
        dropped = Counter()
        reception = ReceptionStatistics(clockRate: configuration.clockRate)
        retransmissionUnwrap = SequenceUnwrapper()
        nack = NackGenerator()
        entries = Array(repeating: nil, count: ReceiveStream.capacity)
        bytes = Array(repeating: 0, count: ReceiveStream.capacity * ReceiveStream.slotSize)
        next = nil
        highest = 0
        waitingSince = nil
        needsKeyframe = configuration.codec.kind == .video
        keyframeRequestAt = nil
    }

    /// Takes in a packet of this stream or of its retransmissions.
    public mutating func receive(_ packet: borrowing RTPPacket, now: Instant) {
        if packet.header.payloadType == configuration.payloadType {
            let sequence = reception.receive(packet.header, now: now)
            _ = retransmissionUnwrap.unwrap(packet.header.sequenceNumber)
            statistics.packets += 1
            statistics.bytes += UInt64(packet.payload.count)
            store(packet.payload, sequence: sequence, header: packet.header, now: now)
        } else if packet.header.payloadType == configuration.retransmissionType {
            statistics.retransmittedPackets += 1
            // Padding that fills the link.
            guard packet.payload.count >= 2, next != nil else { return }
            let original = SequenceNumber(packet.payload.uint16(0))
            let sequence = retransmissionUnwrap.unwrap(original)
            store(
                packet.payload.extracting(2..<packet.payload.count), sequence: sequence, header: packet.header, now: now
            )
        } else {
            dropped.add(.unknownPayloadType)
        }
    }

    private mutating func store(_ payload: Span<UInt8>, sequence: Int64, header: RTPHeader, now: Instant) {
        guard payload.count <= ReceiveStream.slotSize else {
            dropped.add(.malformedPacket)
            return
        }
        guard let next else {
            next = sequence
            highest = sequence
            insert(payload, sequence: sequence, header: header, now: now)
            return
        }
        if sequence < next {
            dropped.add(.tooLate)
            return
        }
        if sequence - next >= Int64(ReceiveStream.capacity) {
            // Farther ahead than the ring reaches: what is missing will not come any more.
            dropped.add(.sequenceJump)
            restart(at: sequence)
        }
        if let entry = entries[slot(sequence)], entry.sequence == sequence {
            dropped.add(.duplicate)
            return
        }
        if sequence > highest + 1, configuration.usesNack, !nack.noteGap(highest + 1..<sequence, now: now) {
            restart(at: sequence)
        }
        nack.received(sequence)
        highest = max(highest, sequence)
        insert(payload, sequence: sequence, header: header, now: now)
    }

    func slot(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence & Int64(ReceiveStream.capacity - 1)) }

    private mutating func insert(_ payload: Span<UInt8>, sequence: Int64, header: RTPHeader, now: Instant) {
        var entry = Entry(
            sequence: sequence, timestamp: header.timestamp, size: 0, hasMarker: header.hasMarker, startsFrame: true,
            isKeyframe: true, arrival: now)
        var offset = 0
        // A packet of padding alone holds a place and no media.
        if !payload.isEmpty {
            guard let parsed = try? ParsedPayload(payload, of: configuration.codec) else {
                dropped.add(.malformedPayload)
                return
            }
            (entry.startsFrame, entry.isKeyframe, offset) = (parsed.startsFrame, parsed.isKeyframe, parsed.offset)
        }
        let media = payload.extracting(offset..<payload.count)
        entry.size = media.count
        let start = slot(sequence) * ReceiveStream.slotSize
        var writer = ByteWriter(bytes.mutableSpan, count: start)
        writer.write(media)
        entries[slot(sequence)] = entry
    }

    /// Gives up everything before `sequence`.
    mutating func restart(at sequence: Int64) {
        next = sequence
        highest = max(highest, sequence - 1)
        waitingSince = nil
        nack.forget(before: sequence)
        if configuration.codec.kind == .video { needsKeyframe = true }
    }
}

/// A frame that was received whole.
public struct ReceivedFrame: Hashable, Sendable {
    /// Of the frame's packets, in ticks of the codec's clock.
    public var timestamp: UInt32
    /// Whether it can be decoded without an earlier one. Always true for audio.
    public var isKeyframe: Bool
    /// When its last missing packet came.
    public var arrival: Instant
    /// How many packets it came in.
    public var packets: Int
}

/// What was received, by the names of webrtc-stats.
public struct ReceiveStatistics: Hashable, Sendable {
    /// On the media source; recovered ones are not among them.
    public var packets: UInt64 = 0
    /// Payload bytes of those.
    public var bytes: UInt64 = 0
    /// Packets that came on the retransmission source.
    public var retransmittedPackets: UInt64 = 0
    /// Frames handed out.
    public var frames: UInt64 = 0
    /// Keyframes among those.
    public var keyframes: UInt64 = 0
    /// Frames that came whole but could not be shown, or never came whole.
    public var framesDropped: UInt64 = 0
    /// NACK messages sent.
    public var nacks: UInt64 = 0
    /// PLIs sent.
    public var pictureLossIndications: UInt64 = 0

    /// All zero.
    public init() {}
}
