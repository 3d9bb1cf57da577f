public import Primitives

// The streams that share one transport and the RTCP between them (RFC 3550 section 6, RFC 4585, RFC 5506).
//
// A machine like the others: bytes and time in, packets and events out. Media packets are written on the pacer's
// word by `write`; what `pollTransmit` gives is RTCP, which is never paced.
//
//   handleRTCP ─▶ SR, RR ─▶ statistics, round trip time
//              ─▶ NACK ─▶ event retransmit        PLI, FIR ─▶ event keyframeRequested
//              ─▶ transport feedback ─▶ packetArrivals, event transportFeedback      REMB ─▶ event receiverEstimate
//   handleRTP ─▶ ReceiveStream ─▶ nextFrame       ─▶ arrival times ─▶ transport feedback of ours
//
// Reports go out once a second on average, at random between half and one and a half of it (RFC 3550 section 6.2, in
// the shorter interval that RFC 4585 section 3.4 allows), and the first one right behind a stream's first packet, so
// that the receiver can align sound and picture from the start.

/// The streams of one transport, without a socket.
public struct RTPSession: Sendable {
    /// What holds for all streams of the transport.
    public struct Configuration: Sendable {
        /// Our name in SDES, at most 255 bytes of UTF-8 (RFC 7022); the rest is cut.
        public var cname: String
        /// Where sender reports take their time from.
        public var ntp: NTPClock
        /// Whether feedback may go without a report before it (RFC 5506).
        public var usesReducedSize: Bool
        /// The transport-wide sequence number's identifier in what we receive; nil: no feedback of ours.
        public var receivedTransportSequenceID: UInt8?
        /// The mean time between reports.
        public var reportInterval: Duration
        /// The mean time between transport-wide feedback messages of ours.
        public var feedbackInterval: Duration

        /// Reports once a second and feedback every 50 ms on average.
        public init(
            cname: String, ntp: NTPClock, usesReducedSize: Bool, receivedTransportSequenceID: UInt8? = nil,
            reportInterval: Duration = .seconds(1), feedbackInterval: Duration = .milliseconds(50)
        ) {
            self.cname = cname
            self.ntp = ntp
            self.usesReducedSize = usesReducedSize
            self.receivedTransportSequenceID = receivedTransportSequenceID
            self.reportInterval = reportInterval
            self.feedbackInterval = feedbackInterval
        }
    }

    /// Something that happened; `stream` is an index of `sendStreams`.
    public enum Event: Hashable, Sendable {
        /// Queue this packet for retransmission.
        case retransmit(stream: Int, sequence: SequenceNumber)
        /// The peer needs a keyframe: PLI or a new FIR.
        case keyframeRequested(stream: Int)
        /// `packetArrivals` holds what transport-wide feedback said, until the next `handleRTCP`.
        case transportFeedback
        /// REMB.
        case receiverEstimate(Bitrate)
        case roundTripTime(Duration)
        /// A report said how much of a stream was lost since the one before.
        case lossReported(stream: Int, fraction: Double)
        /// The peer stopped sending this source.
        case goodbye(SSRC)
    }

    /// In the order in which they were added; ended ones keep their index.
    public internal(set) var sendStreams: [SendStream]
    /// In the order in which they were added.
    public internal(set) var receiveStreams: [ReceiveStream]
    /// What belongs to no stream, or could not be read.
    public internal(set) var dropped: Counter<RTPDropReason>
    /// What the transport-wide feedback of the last `handleRTCP` said.
    public internal(set) var packetArrivals: [PacketArrival]
    let configuration: Configuration
    let cname: [UInt8]
    /// The source of our feedback while we send nothing.
    let receiverSSRC: SSRC
    var random: RandomSource
    var events: RingBuffer<Event>
    var reference: ReferenceTime
    var recorder: FeedbackRecorder
    var reportAt: Instant?
    var isReportDue: Bool
    var feedbackAt: Instant?
    var isFeedbackDue: Bool
    var goodbyes: [SSRC]
    var nackItems: [NackItem]
    /// Which receive stream a source belongs to.
    var routes: [SSRC: Int]

    /// `random` gives sources, first sequence numbers and the reports' jitter.
    public init(_ configuration: Configuration, random: RandomSource) {
        var random = random
        self.configuration = configuration
        cname = Array(configuration.cname.utf8.prefix(255))
        receiverSSRC = SSRC.random(using: &random)
        self.random = random
        sendStreams = []
        receiveStreams = []
        dropped = Counter()
        packetArrivals = []
        events = RingBuffer(capacity: 64)
        reference = ReferenceTime()
        recorder = FeedbackRecorder()
        reportAt = nil
        isReportDue = false
        feedbackAt = nil
        isFeedbackDue = false
        goodbyes = []
        nackItems = []
        routes = [:]
    }

    /// Adds a stream to send and returns its index.
    public mutating func addSendStream(_ stream: SendStream.Configuration, now: Instant) -> Int {
        sendStreams.append(SendStream(stream, ntp: configuration.ntp, random: &random, origin: now))
        return sendStreams.count - 1
    }

    /// Adds a stream to receive, known by its source and that of its retransmissions, and returns its index.
    public mutating func addReceiveStream(
        _ stream: ReceiveStream.Configuration, ssrc: SSRC, retransmissionSSRC: SSRC? = nil
    ) -> Int {
        receiveStreams.append(ReceiveStream(stream, ssrc: ssrc))
        let index = receiveStreams.count - 1
        routes[ssrc] = index
        if let retransmissionSSRC { routes[retransmissionSSRC] = index }
        return index
    }

    /// Takes over what a later description says of a stream; see `SendStream.update`. One that has ended begins again,
    /// with its numbers: a source whose numbers came twice would be encrypted twice with the same key stream.
    public mutating func update(_ stream: Int, to new: SendStream.Configuration) -> Bool {
        if sendStreams[stream].hasEnded {
            sendStreams[stream].hasEnded = false
            let sources = RTPSession.sources(sendStreams[stream])
            goodbyes.removeAll { sources.contains($0) }
        }
        return sendStreams[stream].update(new)
    }

    /// Nothing of this stream is sent any more; the next packet says so (RFC 3550 section 6.6).
    public mutating func endSendStream(_ stream: Int) {
        guard !sendStreams[stream].hasEnded else { return }
        sendStreams[stream].hasEnded = true
        goodbyes += RTPSession.sources(sendStreams[stream])
        isReportDue = true
    }

    // MARK: Sending media

    /// Cuts a frame into packets of a stream; see `SendStream.packetize`.
    public mutating func packetize(
        _ frame: Span<UInt8>, on stream: Int, isKeyframe: Bool, captureTime: Instant,
        now: Instant
    ) -> SequenceRange {
        sendStreams[stream].packetize(frame, isKeyframe: isKeyframe, captureTime: captureTime, now: now)
    }

    /// Takes back packets that were never written; see `SendStream.withdraw`.
    public mutating func withdraw(from sequence: SequenceNumber, on stream: Int) {
        sendStreams[stream].withdraw(from: sequence)
    }

    /// Writes a stored packet as it goes to SRTP now; see `SendStream.write`.
    public mutating func write(
        _ sequence: SequenceNumber, on stream: Int, as kind: PacketKind, extensions: SendTimeExtensions,
        into packet: inout PacketBuffer, now: Instant
    ) -> Bool {
        let isFirst = sendStreams[stream].statistics.packets == 0
        guard sendStreams[stream].write(sequence, as: kind, extensions: extensions, into: &packet, now: now) else {
            return false
        }
        if isFirst {
            isReportDue = true
            scheduleReport(now: now)
        }
        return true
    }

    /// Writes a packet of padding alone; see `SendStream.writePadding`.
    public mutating func writePadding(
        _ size: Int, on stream: Int, extensions: SendTimeExtensions, into packet: inout PacketBuffer, now: Instant
    ) -> Bool {
        sendStreams[stream].writePadding(size, extensions: extensions, into: &packet, now: now)
    }

    /// Sets the rate that retransmissions of a stream may take; nil: unlimited.
    public mutating func setRetransmissionRate(_ rate: Bitrate?, on stream: Int) {
        sendStreams[stream].retransmissionRate = rate
    }

    /// Whether a second copy of a packet may go with the retransmission just granted.
    public mutating func grantCopy(of sequence: SequenceNumber, on stream: Int, now: Instant) -> Bool {
        sendStreams[stream].grantCopy(of: sequence, now: now)
    }

    // MARK: Receiving media

    /// Takes in an RTP packet after SRTP has accepted it.
    public mutating func handleRTP(_ bytes: Span<UInt8>, now: Instant) {
        guard let packet = try? RTPPacket(parsing: bytes) else {
            dropped.add(.malformedPacket)
            return
        }
        if let id = configuration.receivedTransportSequenceID, let value = packet.extensions.value(id), value.count == 2
        {
            recorder.receive(SequenceNumber(value.uint16(0)), now: now)
            if feedbackAt == nil { feedbackAt = now + configuration.feedbackInterval }
        }
        guard let stream = routes[packet.header.ssrc] else {
            dropped.add(.unknownSource)
            return
        }
        receiveStreams[stream].receive(packet, now: now)
        if reportAt == nil { scheduleReport(now: now) }
    }

    /// The next frame of a receive stream; see `ReceiveStream.nextFrame`.
    public mutating func nextFrame(on stream: Int, into frame: inout [UInt8], now: Instant) -> ReceivedFrame? {
        receiveStreams[stream].nextFrame(into: &frame, now: now)
    }

    // MARK: Time and events

    /// Makes reports and feedback due and gives up what waited too long. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        if let at = reportAt, at <= now {
            isReportDue = true
            scheduleReport(now: now)
        }
        if let at = feedbackAt, at <= now {
            isFeedbackDue = true
            feedbackAt = nil
        }
    }

    /// When to call `handleTimeout`, and then `pollTransmit` and `nextFrame` until they have nothing more.
    public var nextTimeout: Wake? {
        var wake = reportAt.map { Wake(at: $0, reason: .rtcpReport) }
        wake = .earliest(wake, feedbackAt.map { Wake(at: $0, reason: .rtcpReport) })
        for stream in receiveStreams { wake = .earliest(wake, stream.nextTimeout) }
        return wake
    }

    /// The oldest event not taken yet; nil when there is none.
    public mutating func pollEvent() -> Event? { events.popFirst() }

    /// Announces the end of all streams with the next packet.
    public mutating func sayGoodbye() {
        goodbyes = sendStreams.filter { !$0.hasEnded }.flatMap(RTPSession.sources)
        isReportDue = true
    }

    private static func sources(_ stream: SendStream) -> [SSRC] {
        [stream.ssrc, stream.retransmissionSSRC].compactMap { $0 }
    }

    private mutating func scheduleReport(now: Instant) {
        let mean = configuration.reportInterval.nanoseconds
        reportAt = now + .nanoseconds(Int64.random(in: mean / 2...mean * 3 / 2, using: &random))
    }
}
