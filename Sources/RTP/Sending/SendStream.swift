public import Primitives

// One stream of media that we send (RFC 3550), with its retransmissions (RFC 4588).
//
//   EncodedFrame ─ packetize ─▶ PacketHistory ─ SequenceRange ─▶ the pacer's queue
//                                    ▲                               │ (sequence, kind)
//   NACK ─ requestRetransmission ────┘◀──────────── write ───────────┘ ─▶ PacketBuffer ─▶ SRTP
//
// Frames are cut and stored once. The pacer's queue holds sequence numbers only; when a packet's time has come,
// `write` composes header, the extensions that depend on the moment of sending, and the payload. A retransmission is
// written the same way, under the retransmission source's own number.

/// A stream of media that we send.
public struct SendStream: Sendable {
    /// What is agreed for the stream.
    public struct Configuration: Sendable {
        /// Decides kind and payload format.
        public var packetizer: Packetizer
        /// The media source.
        public var ssrc: SSRC
        /// Of media packets.
        public var payloadType: PayloadType
        /// The retransmission source and payload type; both or none.
        public var retransmissionSSRC: SSRC?
        /// Of retransmissions (RFC 4588); nil without.
        public var retransmissionType: PayloadType?
        /// Hertz of the RTP clock.
        public var clockRate: Int32
        /// The section's name, written until the peer has reported on the stream; empty: not written.
        public var mid: String
        /// Those that were agreed.
        public var extensionIDs: HeaderExtensionIDs
        /// Written with each packet where its extension is agreed; nil: never.
        public var playoutDelay: PlayoutDelay?
        /// The most bytes of an RTP packet with header extensions, without SRTP's trailer.
        public var maximumPacketSize: Int
        /// How many packets are kept; a power of two.
        public var historyCapacity: Int

        /// `maximumPacketSize` suits paths of 1,280 bytes; `historyCapacity` nil takes 1,024 packets for video, 64 for
        /// audio.
        public init(
            packetizer: Packetizer, ssrc: SSRC, payloadType: PayloadType, retransmissionSSRC: SSRC? = nil,
            retransmissionType: PayloadType? = nil, clockRate: Int32, mid: String, extensionIDs: HeaderExtensionIDs,
            playoutDelay: PlayoutDelay? = nil, maximumPacketSize: Int = 1184, historyCapacity: Int? = nil
        ) {
            self.packetizer = packetizer
            self.ssrc = ssrc
            self.payloadType = payloadType
            self.retransmissionSSRC = retransmissionSSRC
            self.retransmissionType = retransmissionType
            self.clockRate = clockRate
            self.mid = mid
            self.extensionIDs = extensionIDs
            self.playoutDelay = playoutDelay
            self.maximumPacketSize = maximumPacketSize
            self.historyCapacity = historyCapacity ?? (packetizer.codec.kind == .video ? 1024 : 64)
        }
    }

    /// Whose packets these are.
    public let ssrc: SSRC
    /// Nil without agreed retransmissions.
    public private(set) var retransmissionSSRC: SSRC?
    /// Audio or video.
    public let kind: MediaKind
    /// Counted since the stream was made; a later description changes none of it.
    public internal(set) var statistics: SendStatistics
    /// Requests not followed and frames not sent, by reason.
    public internal(set) var dropped: Counter<RTPDropReason>
    /// As last measured, by a report about this stream or another one of the session.
    public internal(set) var roundTripTime: Duration?
    /// The rate set aside for retransmissions, so that they cannot starve the media; nil: unlimited.
    public var retransmissionRate: Bitrate?

    var configuration: Configuration
    var history: PacketHistory
    private(set) var maximumPayload: Int
    private(set) var mid: [UInt8]
    /// Nothing of it is sent any more, and the peer has been told. A later description may take it up again.
    public internal(set) var hasEnded: Bool
    let ntp: NTPClock
    /// Where the media timeline began, and its random first timestamp.
    let origin: Instant
    let timestampOffset: UInt32
    var nextSequence: SequenceNumber
    var retransmissionSequence: SequenceNumber
    /// Whether the peer has reported on this stream, so that it knows whose packets these are and what was said once.
    var isAcknowledged: Bool
    var lastCaptureTimeSent: Instant?
    /// The first packet of the latest keyframe.
    var keyframeStart: SequenceNumber?
    var retransmissionBudget: Double
    var retransmissionBudgetAt: Instant
    var lastFullIntraRequest: UInt8?

    /// `origin` is where the media timeline starts, as a rule the time of creation.
    public init(_ configuration: Configuration, ntp: NTPClock, random: inout RandomSource, origin: Instant) {
        precondition(
            (configuration.retransmissionSSRC == nil) == (configuration.retransmissionType == nil),
            "send stream: retransmission source and type go together")
        self.configuration = configuration
        ssrc = configuration.ssrc
        retransmissionSSRC = configuration.retransmissionSSRC
        kind = configuration.packetizer.codec.kind
        mid = configuration.midBytes
        maximumPayload = configuration.maximumPayload
        hasEnded = false
        history = PacketHistory(capacity: configuration.historyCapacity, slotSize: maximumPayload)
        statistics = SendStatistics()
        dropped = Counter()
        roundTripTime = nil
        retransmissionRate = nil
        self.ntp = ntp
        self.origin = origin
        timestampOffset = UInt32.random(in: 0...UInt32.max, using: &random)
        // Below 2^15, as every SRTP stack of the past liked best: no wrap within the first seconds, when the receiver
        // may still guess the roll-over counter (RFC 3711 section 3.3.1).
        nextSequence = SequenceNumber(UInt16.random(in: 1...0x7FFF, using: &random))
        retransmissionSequence = SequenceNumber(UInt16.random(in: 1...0x7FFF, using: &random))
        isAcknowledged = false
        lastCaptureTimeSent = nil
        keyframeStart = nil
        retransmissionBudget = 0
        retransmissionBudgetAt = origin
        lastFullIntraRequest = nil
    }

    /// Takes over what a later description says of this stream. Its numbers, its timeline and its statistics go on;
    /// packets that were cut for other headers are forgotten, so what comes next must not refer to them.
    ///
    /// - Returns: false when nothing changed.
    public mutating func update(_ new: Configuration) -> Bool {
        precondition(
            new.ssrc == ssrc && new.packetizer.codec.kind == kind, "send stream: another stream's configuration")
        precondition(
            (new.retransmissionSSRC == nil) == (new.retransmissionType == nil),
            "send stream: retransmission source and type go together")
        guard !configuration.reads(as: new) else { return false }
        // The packetizer numbers the pictures, and the receiver follows the numbers.
        let packetizer = configuration.packetizer
        configuration = new
        if packetizer.codec == new.packetizer.codec { configuration.packetizer = packetizer }
        retransmissionSSRC = new.retransmissionSSRC
        mid = new.midBytes
        maximumPayload = new.maximumPayload
        history = PacketHistory(capacity: new.historyCapacity, slotSize: maximumPayload)
        keyframeStart = nil
        isAcknowledged = false
        return true
    }

    /// What media packets carry now.
    public var payloadType: PayloadType { configuration.payloadType }
    /// What retransmissions carry now; nil without.
    public var retransmissionType: PayloadType? { configuration.retransmissionType }

    /// Whether a frame of this codec is one of this stream; nil is sound.
    public func carries(_ codec: VideoCodec?) -> Bool {
        switch configuration.packetizer.codec {
        case .opus: codec == nil
        case .video(let own): codec == own
        }
    }

    /// The RTP timestamp of what was captured at `instant`.
    public func timestamp(at instant: Instant) -> UInt32 {
        MediaTime(instant, since: origin, rate: configuration.clockRate).rtpTimestamp(offset: timestampOffset)
    }

    /// Cuts a frame into packets and stores them. Returns their sequence numbers, none when the frame is empty or needs
    /// more than half of the history (counted as `frameTooLarge`).
    public mutating func packetize(
        _ frame: Span<UInt8>, isKeyframe: Bool, captureTime: Instant, now: Instant
    ) -> SequenceRange {
        var range = SequenceRange(first: nextSequence, count: 0)
        let plan = configuration.packetizer.plan(
            size: frame.count, captureTime: captureTime, maximumPayload: maximumPayload)
        guard plan.count > 0, plan.count <= history.capacity / 2 else {
            if frame.count > 0 { dropped.add(.frameTooLarge) }
            return range
        }
        let timestamp = timestamp(at: captureTime)
        for index in 0..<plan.count {
            let isLast = index == plan.count - 1
            let entry = PacketHistory.Entry(
                sequence: nextSequence, timestamp: timestamp, captureTime: captureTime, packetizedAt: now, size: 0,
                hasMarker: isLast && plan.marksLast, startsFrame: index == 0, endsFrame: isLast, isKeyframe: isKeyframe,
                firstSent: nil, lastSent: nil, retransmissions: 0, retransmissionGranted: nil)
            history.insert(entry, descriptor: plan.descriptor(index), frame: frame, range: plan.range(index))
            nextSequence = nextSequence.next
        }
        range.count = plan.count
        if isKeyframe { keyframeStart = range.first }
        return range
    }
}

extension SendStream.Configuration {
    fileprivate var midBytes: [UInt8] { Array(mid.utf8.prefix(255)) }

    /// Bytes of payload in the largest packet.
    fileprivate var maximumPayload: Int {
        let overhead =
            RTPHeader.size + OutgoingExtensions.maximumSize(extensionIDs, midLength: midBytes.count)
            + (retransmissionType == nil ? 0 : 2)
        let payload = maximumPacketSize - overhead
        precondition(payload >= 64, "send stream: no room for payload")
        return payload
    }

    /// Whether packets look the same on the wire.
    fileprivate func reads(as other: SendStream.Configuration) -> Bool {
        payloadType == other.payloadType && retransmissionSSRC == other.retransmissionSSRC
            && retransmissionType == other.retransmissionType && mid == other.mid && extensionIDs == other.extensionIDs
    }
}

extension SendStream {
    /// Takes back the packets from `sequence` on, none of which has been written: their numbers are used again.
    public mutating func withdraw(from sequence: SequenceNumber) {
        precondition(
            nextSequence.distance(from: sequence) >= 0,
            "send stream: only numbers that were given out can be taken back")
        nextSequence = sequence
    }
}

/// A run of consecutive sequence numbers.
public struct SequenceRange: Hashable, Sendable, Sequence {
    /// The oldest one.
    public var first: SequenceNumber
    /// How many follow each other, `first` included.
    public var count: Int

    /// The range may run over the wrap at 65,536.
    public init(first: SequenceNumber, count: Int) {
        self.first = first
        self.count = count
    }

    /// Whether it holds no number at all.
    public var isEmpty: Bool { count == 0 }

    public func makeIterator() -> Iterator { Iterator(next: first, remaining: count) }

    /// `count` numbers, over the wrap.
    public struct Iterator: IteratorProtocol, Sendable {
        var upcoming: SequenceNumber
        var remaining: Int

        init(next: SequenceNumber, remaining: Int) {
            upcoming = next
            self.remaining = remaining
        }

        /// The next number; nil at the end.
        public mutating func next() -> SequenceNumber? {
            guard remaining > 0 else { return nil }
            defer {
                remaining -= 1
                upcoming = upcoming.next
            }
            return upcoming
        }
    }
}

/// What was sent, by the names of webrtc-stats (RTCOutboundRtpStreamStats, RTCRemoteInboundRtpStreamStats).
public struct SendStatistics: Hashable, Sendable {
    /// Frames whose last packet was sent.
    public var frames: UInt64 = 0
    /// All packets, retransmissions and padding included.
    public var packets: UInt64 = 0
    /// Payload bytes of those.
    public var bytes: UInt64 = 0
    /// Header, extension and padding bytes.
    public var headerBytes: UInt64 = 0
    /// Retransmissions among `packets`.
    public var retransmittedPackets: UInt64 = 0
    /// Payload bytes of retransmissions.
    public var retransmittedBytes: UInt64 = 0
    /// Sent only to fill the link, among `packets`.
    public var paddingPackets: UInt64 = 0
    /// NACK messages received.
    public var nacks: UInt64 = 0
    /// PLIs received.
    public var pictureLossIndications: UInt64 = 0
    /// FIRs received that were not repeated.
    public var fullIntraRequests: UInt64 = 0
    /// For the sender report: payload bytes and packets of the media source alone (RFC 3550 section 6.4.1).
    public var reportedPackets: UInt32 = 0
    /// Payload bytes of the media source alone; wraps.
    public var reportedBytes: UInt32 = 0
    /// `totalPacketSendDelay`: the sum over packets of the time from packetizer to socket.
    public var totalSendDelay: Duration = .zero
    /// As the peer last reported.
    public var remoteFractionLost: Double = 0
    /// Cumulative, negative with duplicates.
    public var remotePacketsLost: Int32 = 0
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    public var remoteJitter: Duration = .zero
    /// Report blocks received about this stream.
    public var remoteReports: UInt64 = 0
    /// From the reports about this stream that allowed to measure it: the latest, the sum, and how many there were.
    public var roundTripTime: Duration?
    /// The sum of all measurements.
    public var totalRoundTripTime: Duration = .zero
    /// How many there were.
    public var roundTripTimeMeasurements: UInt64 = 0

    /// All zero.
    public init() {}
}
