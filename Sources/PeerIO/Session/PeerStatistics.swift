public import Peer
public import Primitives

/// Numbers about the live session, for `status` and for the log when it ends.
public struct PeerStatistics: Hashable, Sendable {
    /// The session's identifier in signaling.
    public var sessionId: String
    /// When the numbers were read.
    public var takenAt: Instant
    /// The candidate types of the pair in use, `host/srflx`.
    public var path: String?
    /// OpenSSL's name of the DTLS cipher suite; nil before the handshake is done.
    public var dtlsCipher: String?
    /// The latest round-trip time that RTCP reports tell (RFC 3550 section 6.4.1); nil before the first.
    public var roundTripMilliseconds: Double?
    /// What the path is believed to carry.
    public var estimatedBitsPerSecond: Int?
    /// What is sent now, media and overhead.
    public var sentBitsPerSecond: Int
    /// RTP packets of the session so far, retransmissions included.
    public var packetsSent: Int
    /// Those of `packetsSent` that repeat another one.
    public var packetsRetransmitted: Int
    /// Bytes of these RTP packets, headers included.
    public var bytesSent: Int
    /// Fraction of packets lost as the receiver reports it, 0 … 1: of the picture or of the sound, whichever lost more.
    public var fractionLost: Double?
    /// Pictures that left whole.
    public var framesSent: Int
    /// How often the monitor asked for a keyframe (PLI or FIR).
    public var keyframeRequests: Int
    /// How long media has been flowing.
    public var connectedFor: Duration?
    /// Where the time to the first picture went.
    public var firstFrame: PeerTimeline.Breakdown
    /// Packets from outside that were dropped, by reason.
    public var dropped: [String: Int]
    /// The same and more under the W3C's names.
    public var report: StatsReport

    /// `sentBitsPerSecond` and `keyframeRequests` are 0: the network thread, which knows them, sets them afterwards.
    public init(sessionId: String, snapshot: PeerSnapshot, report: StatsReport, now: Instant) {
        self.sessionId = sessionId
        takenAt = now
        path = snapshot.pathDescription
        dtlsCipher = snapshot.cipher
        estimatedBitsPerSecond = snapshot.target.map { Int($0.bitsPerSecond) }
        roundTripMilliseconds = snapshot.roundTripTime?.milliseconds
        sentBitsPerSecond = 0
        packetsSent = Int(snapshot.packetsSent)
        packetsRetransmitted = Int(snapshot.packetsRetransmitted)
        bytesSent = Int(snapshot.bytesSent)
        fractionLost = snapshot.fractionLost
        framesSent = Int(snapshot.framesSent)
        keyframeRequests = 0
        connectedFor = snapshot.timeline.handshakeDoneAt.map { now - $0 }
        firstFrame = snapshot.timeline.breakdown
        dropped = snapshot.dropped.mapValues(Int.init)
        self.report = report
    }

    /// What the log says when a session ends: `17 s, 1.2 MB in 1043 packets (2 sent again), host/prflx, …`.
    public var summary: String {
        guard let connectedFor else { return "never connected" + droppedText }
        var parts = [
            "\(Int(connectedFor.seconds.rounded())) s",
            "\(framesSent) pictures and \(bytesSent / 1000) kB in \(packetsSent) packets"
                + (packetsRetransmitted > 0 ? " (\(packetsRetransmitted) sent again)" : ""),
        ]
        if let path { parts.append("path \(path)") }
        if let roundTripMilliseconds { parts.append("round trip \(Int(roundTripMilliseconds.rounded())) ms") }
        if let estimatedBitsPerSecond { parts.append("path carries \(estimatedBitsPerSecond / 1000) kbit/s") }
        parts.append("\(keyframeRequests) keyframe requests")
        if let total = firstFrame.total {
            let steps = firstFrame.steps.map { "\($0.name) \(Int($0.time.milliseconds.rounded()))" }
            parts.append(
                "first picture \(Int(total.milliseconds.rounded())) ms after the offer ("
                    + steps.joined(separator: ", ") + ")")
        }
        return parts.joined(separator: ", ") + droppedText
    }

    /// All of it under the W3C's names, without what must not stand in a log.
    public var reportForLog: String { report.loggable.description }

    private var droppedText: String {
        guard !dropped.isEmpty else { return "" }
        return ", dropped: "
            + dropped.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
}

extension PeerTimeline.Breakdown {
    /// The steps that were reached, by name, in their order; `gathering` runs beside the others.
    public var steps: [(name: String, time: Duration)] {
        [
            ("signaling", signaling), ("gathering", gathering), ("ice", ice), ("dtls", dtls),
            ("firstFrame", firstFrame),
        ].compactMap { name, time in time.map { (name, $0) } }
    }
}
