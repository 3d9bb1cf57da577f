import Congestion
import Primitives
import RTP
import SDP
import SRTP

// The right half of the straight line: from an encoded frame to bytes that a socket may send.
//
//   send ─▶ RTPSession.packetize (packetizer of the codec, history) ─▶ PacerQueue
//   pollTransmit ─▶ CongestionController.next (which kind, when) ─▶ PacerQueue.pop
//                ─▶ RTPSession.write (header, extensions of this moment) ─▶ SRTPSender.protect
//   handleControl ─▶ SRTPReceiver ─▶ RTPSession.handleRTCP ─▶ retransmissions back into the queue,
//                                                          feedback ─▶ CongestionController ─▶ target ─▶ encoder
//
// Nothing here allocates per packet or per frame in steady state: bytes rest in the streams' histories, the queue
// holds sequence numbers, and the caller's buffer is where a packet is composed and encrypted.

/// The media of one session: keys, and the streams that a description made.
///
/// ```
///   descriptions: none ── configure ──▶ streams        keys: none ◀── suspend ──▶ start ── there
/// ```
///
/// Nothing leaves and nothing is taken in unless both are there.
struct MediaPath: ~Copyable {
    enum Event: Hashable {
        case keyframeRequested
        /// The first packet of a video keyframe left.
        case firstVideoPacketSent
        /// Of the sound.
        case lossReported(fraction: Double)
        /// What an encoder may make from now on.
        case videoBitrateChanged(Bitrate)
        case audioBitrateChanged(Bitrate)
        /// A later description asks for other kinds of media than the one before.
        case sentKindsChanged
    }

    private var streams: MediaStreams?
    private var keys: MediaKeys?
    /// What came before there were keys or streams.
    private var earlyDrops: Counter<MediaDrop>
    /// Sender reports and the report's timestamps are derived from it.
    let clock: NTPClock
    private let bitrates: PeerBitrates
    private var random: RandomSource

    init(clock: NTPClock, bitrates: PeerBitrates, random: RandomSource) {
        self.random = random
        streams = nil
        keys = nil
        earlyDrops = Counter()
        self.clock = clock
        self.bitrates = bitrates
    }

    /// Takes over what offer and answer agreed on: which kinds are sent from now on, and how.
    mutating func configure(_ session: NegotiatedSession, now: Instant) {
        let isFirst = streams == nil
        if isFirst { streams = MediaStreams(session, clock: clock, bitrates: bitrates, random: &random) }
        streams!.configure(session, isFirst: isFirst, random: &random, now: now)
    }

    /// The peer that there was is gone, and what was sent to it is of no use to the one that comes.
    mutating func beginAnew() { self = MediaPath(clock: clock, bitrates: bitrates, random: random) }

    /// Keys are there: from now on packets can leave.
    mutating func start(local: SRTPMasterKey, remote: SRTPMasterKey) throws(SRTPError) {
        keys = try MediaKeys(local: local, remote: remote)
    }

    /// The keys are worth nothing any more: nothing is sent or taken in until `start` brings others, and the picture then
    /// begins with a keyframe.
    mutating func suspend() {
        streams?.suspend()
        keys = nil
    }

    // MARK: Sending

    /// Cuts a frame into packets and queues them. Before the keys are there, and for media that the peer does not take, the
    /// frame is dropped and counted.
    mutating func send(_ frame: borrowing EncodedFrame, now: Instant) {
        guard keys != nil, streams != nil else { return earlyDrops.add(.frameNotWanted) }
        streams!.send(frame, now: now)
    }

    /// A frame was lost before it came here: no later one may refer to it.
    mutating func frameWasRefused(_ kind: MediaKind) { streams?.frameWasRefused(kind) }

    /// Composes and encrypts the next packet in the empty buffer `packet`; false when nothing may leave now.
    mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Bool {
        guard keys != nil, streams != nil else { return false }
        return streams!.pollTransmit(into: &packet, with: &keys!, now: now)
    }

    /// Forgets what waits, and says goodbye for all streams with the next RTCP packet (RFC 3550 section 6.6).
    mutating func stop() { streams?.stop(saysGoodbye: keys != nil) }

    /// Another pair of candidates carries the media now.
    mutating func pathChanged(now: Instant) { streams?.pathChanged(now: now) }

    // MARK: Receiving

    /// One SRTP packet from the peer. Returns whether it was authentic.
    mutating func handleMedia(_ packet: inout PacketBuffer, now: Instant) -> Bool {
        guard keys != nil else {
            earlyDrops.add(.beforeKeys)
            return false
        }
        // Counted by the receiver, by reason.
        do throws(SRTPError) { try keys!.receiver.unprotect(&packet) } catch { return false }
        streams?.handleRTP(packet.bytes, now: now)
        return true
    }

    /// One SRTCP packet from the peer. Returns whether it was authentic.
    mutating func handleControl(_ packet: inout PacketBuffer, now: Instant) -> Bool {
        guard keys != nil else {
            earlyDrops.add(.beforeKeys)
            return false
        }
        do throws(SRTPError) { try keys!.receiver.unprotectControl(&packet) } catch { return false }
        streams?.handleRTCP(packet.bytes, now: now)
        return true
    }

    /// The next whole frame received of one kind, in place of what was in `frame`.
    mutating func nextFrame(_ kind: MediaKind, into frame: inout [UInt8], now: Instant) -> ReceivedFrame? {
        guard streams != nil else { return nil }
        return streams!.nextFrame(kind, into: &frame, now: now)
    }

    // MARK: Time and events

    mutating func handleTimeout(now: Instant) { streams?.handleTimeout(hasKeys: keys != nil, now: now) }

    mutating func pollEvent() -> Event? {
        guard streams != nil else { return nil }
        return streams!.pollEvent()
    }

    var nextTimeout: Wake? { keys == nil ? nil : read(nil) { $0.nextTimeout } }

    // MARK: Numbers

    private func read<Value>(_ before: Value, _ body: (borrowing MediaStreams) -> Value) -> Value {
        switch streams {
        case .some(let streams): body(streams)
        case .none: before
        }
    }

    /// Whether the peer gets media of this kind.
    func sends(_ kind: MediaKind) -> Bool { read(false) { $0.sends(kind) } }

    /// The stream that is sent now.
    func sendStream(of kind: MediaKind) -> SendStream? { read(nil) { $0.sendStream(of: kind) } }

    /// Of all streams there ever were.
    var sendStatistics: [SendStatistics] { read([]) { $0.sendStatistics } }

    /// Pictures that have left whole, those of streams that have ended too.
    var framesSent: UInt64 { read(0) { $0.framesSent } }

    /// What the video encoder was told to make.
    var videoTarget: Bitrate { read(.zero) { $0.videoTarget } }

    /// What the audio encoder may make.
    var audioTarget: Bitrate { read(bitrates.audio) { $0.audioTarget } }

    var roundTripTime: Duration? { read(nil) { $0.roundTripTime } }

    /// Nil before something was sent.
    var congestionStatistics: CongestionStatistics? { read(nil) { $0.congestionStatistics } }

    /// What waits to leave.
    var queued: DataSize { read(.zero) { $0.queued } }

    var drops: Counter<MediaDrop> {
        var all = earlyDrops
        all.add(read(Counter()) { $0.drops })
        return all
    }

    /// What the streams and their RTCP dropped.
    var rtpDrops: Counter<RTPDropReason> { read(Counter()) { $0.rtpDrops } }

    var senderErrors: Counter<SRTPError> {
        switch keys {
        case .some(let keys): keys.sender.errors
        case .none: Counter()
        }
    }

    var receiverErrors: Counter<SRTPError> {
        switch keys {
        case .some(let keys): keys.receiver.errors
        case .none: Counter()
        }
    }
}

/// What encrypts and decrypts the media of one DTLS association: there is either both or nothing.
struct MediaKeys: ~Copyable {
    var sender: SRTPSender
    var receiver: SRTPReceiver

    init(local: SRTPMasterKey, remote: SRTPMasterKey) throws(SRTPError) {
        // First what can throw: half of it could not be taken apart.
        let sender = try SRTPSender(key: local)
        let receiver = try SRTPReceiver(key: remote)
        self.sender = sender
        self.receiver = receiver
    }
}
