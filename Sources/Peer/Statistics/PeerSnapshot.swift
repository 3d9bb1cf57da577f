public import Congestion
public import Crypto
public import ICE
public import Primitives
public import RTP
public import SCTP
public import SRTP

/// Numbers about a session, for the log and the status.
public struct PeerSnapshot: Sendable {
    /// Nil without a path.
    public var path: SelectedPath?
    /// Nil before the handshake is done.
    public var security: PeerSecurity?
    /// When the milestones were reached.
    public var timeline: PeerTimeline
    /// By RTCP; nil before a report brought one.
    public var roundTripTime: Duration?
    /// The audio stream that is sent now; nil where none is.
    public var audio: SendStatistics?
    /// The video stream that is sent now; nil where none is.
    public var video: SendStatistics?
    /// All that were ever sent: what is no longer asked for counts on, so that the sums never fall.
    var streams: [SendStatistics]
    /// Pictures whose last packet was sent.
    public var framesSent: UInt64
    /// Nil before an offer was answered.
    public var congestion: CongestionStatistics?
    /// What waits to leave.
    public var queued: DataSize
    /// Datagrams and frames that the session dropped.
    public var sessionDrops: Counter<PeerDrop>
    /// What the media path dropped.
    public var mediaDrops: Counter<MediaDrop>
    /// What RTP dropped.
    public var rtpDrops: Counter<RTPDropReason>
    /// What SRTP refused of the peer's packets.
    public var srtpErrors: Counter<SRTPError>
    /// What SRTP refused of our own packets.
    public var srtpSendErrors: Counter<SRTPError>
    /// What DTLS dropped.
    public var dtlsDrops: Counter<DTLSDrop>
    /// What SCTP dropped.
    public var sctpDrops: Counter<SCTPDrop>
    /// What ICE dropped.
    public var iceDrops: Counter<ICEDrop>
    /// What the TURN clients dropped.
    public var turnDrops: Counter<TURNDrop>
    /// What multicast DNS dropped.
    public var nameDrops: Counter<MDNSDrop>

    /// The candidate types of the path, ours and the peer's: `host/srflx`.
    public var pathDescription: String? { path.map { "\($0.localType.rawValue)/\($0.remoteType.rawValue)" } }
    /// What the path is believed to carry.
    public var target: Bitrate? { congestion?.target }
    /// OpenSSL's name of the DTLS cipher suite.
    public var cipher: String? { security?.cipher }
    /// Bytes sent with RTP headers, packets sent, and those of them that were sent again.
    public var bytesSent: UInt64 { streams.reduce(0) { $0 + $1.bytes + $1.headerBytes } }
    /// Of all streams there ever were.
    public var packetsSent: UInt64 { streams.reduce(0) { $0 + $1.packets } }
    /// Of all streams there ever were.
    public var packetsRetransmitted: UInt64 { streams.reduce(0) { $0 + $1.retransmittedPackets } }

    /// The share of the packets that was lost lately, 0 … 1, as the peer reports it: of the picture or of the sound,
    /// whichever lost more. Nil before there is a report about what is sent now.
    public var fractionLost: Double? {
        var worst: Double?
        for stream in [audio, video] {
            guard let stream, stream.remoteReports > 0 else { continue }
            worst = max(worst ?? 0, stream.remoteFractionLost)
        }
        return worst
    }

    /// Everything dropped at least once, by name; where several machines have a name, the machine stands before it.
    public var dropped: [String: UInt64] {
        var all: [String: UInt64] = [:]
        func add<Name>(_ counter: Counter<Name>, of machine: String = "") {
            for (name, count) in counter.nonZero {
                var name = "\(name)"
                if !machine.isEmpty { name = machine + name.prefix(1).uppercased() + name.dropFirst() }
                all[name, default: 0] += count
            }
        }
        add(sessionDrops)
        add(mediaDrops)
        add(rtpDrops)
        add(srtpErrors)
        add(srtpSendErrors, of: "send")
        add(dtlsDrops, of: "dtls")
        add(sctpDrops, of: "sctp")
        add(iceDrops)
        add(turnDrops, of: "turn")
        add(nameDrops, of: "mdns")
        return all
    }
}

extension PeerSnapshot {
    /// The numbers of a session's machines.
    init(
        _ ice: ICEAgent, _ keys: borrowing KeyAgreement, _ media: borrowing MediaPath, _ data: borrowing DataPath,
        _ names: NameResolution, _ journal: Journal
    ) {
        self.init(
            path: ice.selectedPath, security: keys.security, timeline: journal.timeline,
            roundTripTime: media.roundTripTime, audio: media.sendStream(of: .audio)?.statistics,
            video: media.sendStream(of: .video)?.statistics, streams: media.sendStatistics,
            framesSent: media.framesSent, congestion: media.congestionStatistics, queued: media.queued,
            sessionDrops: journal.drops, mediaDrops: media.drops, rtpDrops: media.rtpDrops,
            srtpErrors: media.receiverErrors, srtpSendErrors: media.senderErrors, dtlsDrops: keys.drops,
            sctpDrops: data.drops, iceDrops: ice.drops, turnDrops: ice.relayDrops, nameDrops: names.drops)
    }
}
