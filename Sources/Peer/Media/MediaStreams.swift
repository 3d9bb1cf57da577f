import Congestion
import Primitives
import RTP
import SDP
import SRTP

// What there is once a description was accepted: the streams, the queue in front of the wire, the congestion control and
// the plan of the bitrates. `MediaPath` makes it with the first description and lends it the keys.
//
//   picture's references: needsKeyframe ── a keyframe is queued ──▶ flowing
//                              ▲                                      │
//                              └── what waits is dropped, a frame is refused or lost, another stream begins

/// The streams of one session after negotiation.
struct MediaStreams: ~Copyable {
    private var rtp: RTPSession
    private var queue: PacerQueue
    private var events: RingBuffer<MediaPath.Event>
    /// Indices in `rtp` of the streams that are sent now.
    private var audioStream: Int?
    private var videoStream: Int?
    private var receivedKinds: [MediaKind]
    /// Nil while nothing is sent.
    private var congestion: CongestionController?
    private var congestionConfiguration: CongestionConfiguration?
    private var plan: SendPlan
    private var repairCopies: RepairCopies
    private var sentFirstVideo: Bool
    /// Pictures that later ones refer to were never sent. The peer cannot know it, because sequence numbers go on without
    /// a gap: nothing but a keyframe may follow.
    private var needsKeyframe: Bool
    /// How many of the peer's silences have been followed by a new picture.
    private var resumptions: UInt64
    /// The peer's last keyframe request that was passed on, so that a burst of PLIs costs one keyframe.
    private var keyframePassedAt: Instant?
    private(set) var roundTripTime: Duration?
    private(set) var drops: Counter<MediaDrop>

    /// IPv4 and UDP headers; IPv6's 20 bytes more are within what the estimate leaves free.
    private static let datagramOverhead = 28
    /// The share of the target that retransmissions may take.
    private static let retransmissionShare = 0.6

    /// Video older than this in the queue is worthless: the picture restarts with a keyframe instead.
    static let maximumQueueDelay = Duration.seconds(2)
    /// A live view wants no more delay than the path makes necessary, and a peer that has once seen a bad moment is to
    /// come back from it. Chromium takes a maximum of half a second or less for the wish to do without a jitter buffer,
    /// and then neither smooths nor aligns the picture with the sound.
    static let playoutDelay = PlayoutDelay(minimum: .zero, maximum: .milliseconds(600))

    /// Without streams; `configure` with the same description makes them.
    init(_ session: NegotiatedSession, clock: NTPClock, bitrates: PeerBitrates, random: inout RandomSource) {
        let accepted = session.media.filter(\.isAccepted)
        let configuration = RTPSession.Configuration(
            cname: session.cname, ntp: clock,
            usesReducedSize: accepted.allSatisfy(\.usesReducedSizeRTCP),
            receivedTransportSequenceID: accepted.compactMap { $0.receiveExtensionID(.transportSequence) }.first)
        rtp = RTPSession(configuration, random: random.split())
        queue = PacerQueue()
        events = RingBuffer(capacity: 16)
        audioStream = nil
        videoStream = nil
        receivedKinds = []
        congestion = nil
        congestionConfiguration = nil
        plan = SendPlan(bitrates)
        repairCopies = RepairCopies()
        sentFirstVideo = false
        needsKeyframe = true
        resumptions = 0
        keyframePassedAt = nil
        roundTripTime = nil
        drops = Counter()
    }

    // MARK: Negotiation

    /// Takes over what offer and answer agreed on: which kinds are sent from now on, and how. A source that was sent before
    /// goes on with its numbers; a section that is used anew has a source of its own.
    mutating func configure(
        _ session: NegotiatedSession, isFirst: Bool, random: inout RandomSource, now: Instant
    ) {
        plan.negotiated(SendPlan.Limits(session))
        if let configuration = congestionConfiguration(session), configuration != congestionConfiguration {
            congestion = CongestionController(
                configuration, firstSequence: congestion?.nextSequence ?? SequenceNumber(1), now: now)
            congestionConfiguration = configuration
        }
        let (sentAudio, sentVideo) = (sends(.audio), sends(.video))
        for kind in MediaKind.allCases { configureSending(kind, session, random: &random, now: now) }
        if !isFirst, sentAudio != sends(.audio) || sentVideo != sends(.video) { events.append(.sentKindsChanged) }
        for media in session.media where media.isAccepted {
            guard let kind = media.kind, let codec = media.codecs.first else { continue }
            if media.direction.receives, let ssrc = media.remoteSources.first, !receivedKinds.contains(kind) {
                receivedKinds.append(kind)
                _ = rtp.addReceiveStream(
                    ReceiveStream.Configuration(
                        codec: codec.media, payloadType: codec.codec.payloadType,
                        retransmissionType: codec.retransmissionType, clockRate: Int32(codec.codec.clockRate),
                        usesNack: codec.codec.feedback.contains(.nack)),
                    ssrc: ssrc, retransmissionSSRC: media.remoteRetransmissionSources[ssrc])
            }
        }
    }

    /// Nil when nothing is sent.
    private func congestionConfiguration(_ session: NegotiatedSession) -> CongestionConfiguration? {
        let sent = session.media.filter { $0.isAccepted && $0.local != nil }
        guard !sent.isEmpty else { return nil }
        let usesFeedback = sent.contains { media in
            media.sendExtensionID(.transportSequence) != nil
                && media.codecs.first?.codec.feedback.contains(.transportWide) == true
        }
        let bounds = plan.bounds
        return CongestionConfiguration(
            minimum: bounds.minimum, start: bounds.start, maximum: bounds.maximum, usesTransportFeedback: usesFeedback)
    }

    private mutating func configureSending(
        _ kind: MediaKind, _ session: NegotiatedSession, random: inout RandomSource, now: Instant
    ) {
        let before = stream(kind)
        guard let media = session.sending(kind), let codec = media.codecs.first, let local = media.local else {
            if before != nil { begin(kind, on: nil, now: now) }
            return
        }
        let configuration = configuration(kind, media, codec, local, random: &random)
        guard let known = rtp.sendStreams.firstIndex(where: { $0.ssrc == local.ssrc }) else {
            if let before { rtp.endSendStream(before) }
            return begin(kind, on: rtp.addSendStream(configuration, now: now), now: now)
        }
        if let before, before != known { rtp.endSendStream(before) }
        let isChanged = rtp.update(known, to: configuration)
        if isChanged || before != known { begin(kind, on: known, now: now) }
    }

    /// From now on `stream` is what is sent of this kind; nil: nothing is.
    private mutating func begin(_ kind: MediaKind, on stream: Int?, now: Instant) {
        switch kind {
        case .audio:
            // Sound needs nothing from before.
            let (_, firstUnsent) = queue.remove(.audio)
            if let firstUnsent, let audioStream { rtp.withdraw(from: firstUnsent, on: audioStream) }
            audioStream = stream
        case .video:
            let isFirst = videoStream == nil && !sentFirstVideo
            drops.add(.frameNotWanted, UInt64(dropWaitingVideo()))
            videoStream = stream
            needsKeyframe = true
            if stream != nil, !isFirst {
                keyframePassedAt = nil
                passKeyframeRequest(now: now)
            }
        }
    }

    private func configuration(
        _ kind: MediaKind, _ media: NegotiatedMedia, _ codec: NegotiatedCodec, _ local: LocalStream,
        random: inout RandomSource
    ) -> SendStream.Configuration {
        let extensions = HeaderExtensionIDs(
            mid: media.sendExtensionID(.mid), absoluteSendTime: media.sendExtensionID(.absoluteSendTime),
            transportSequence: media.sendExtensionID(.transportSequence),
            playoutDelay: media.sendExtensionID(.playoutDelay),
            absoluteCaptureTime: media.sendExtensionID(.absoluteCaptureTime))
        return SendStream.Configuration(
            packetizer: Packetizer(codec.media, random: &random),
            ssrc: local.ssrc, payloadType: codec.codec.payloadType, retransmissionSSRC: local.retransmissionSSRC,
            retransmissionType: codec.retransmissionType, clockRate: Int32(codec.codec.clockRate), mid: media.mid,
            extensionIDs: extensions, playoutDelay: kind == .video ? MediaStreams.playoutDelay : nil)
    }

    /// Whether the peer gets media of this kind.
    func sends(_ kind: MediaKind) -> Bool { stream(kind) != nil }

    private func stream(_ kind: MediaKind) -> Int? {
        switch kind {
        case .audio: audioStream
        case .video: videoStream
        }
    }

    /// The keys are worth nothing any more: what waits is dropped, and the picture begins with a keyframe.
    mutating func suspend() {
        drops.add(.supersededByKeyframe, UInt64(dropWaitingVideo()))
        let (_, firstUnsent) = queue.remove(.audio)
        if let firstUnsent, let audioStream { rtp.withdraw(from: firstUnsent, on: audioStream) }
        needsKeyframe = true
    }

    // MARK: Sending

    /// Cuts a frame into packets and queues them. A frame of media that the peer does not take is dropped and counted.
    mutating func send(_ frame: borrowing EncodedFrame, now: Instant) {
        guard let stream = stream(frame.kind), rtp.sendStreams[stream].carries(frame.codec) else {
            drops.add(.frameNotWanted)
            return
        }
        if frame.kind == .video {
            if frame.isKeyframe {
                // What waits refers to pictures that this one makes unnecessary.
                drops.add(.supersededByKeyframe, UInt64(dropWaitingVideo()))
                needsKeyframe = false
            } else if needsKeyframe {
                drops.add(.missingReference)
                return passKeyframeRequest(now: now)
            }
        }
        let range = rtp.packetize(
            frame.bytes, on: stream, isKeyframe: frame.isKeyframe, captureTime: frame.captureTime, now: now)
        // Too large for any history: what follows refers to it.
        if range.isEmpty, frame.kind == .video { keyframeIsNeeded(now: now) }
        for sequence in range { enqueue(sequence, kind: frame.kind, on: stream, purpose: .media, now: now) }
        if frame.kind == .video { announceBitrate() }
    }

    /// A frame was lost before it came here: no later one may refer to it.
    mutating func frameWasRefused(_ kind: MediaKind) {
        if kind == .video { needsKeyframe = true }
    }

    private mutating func keyframeIsNeeded(now: Instant) {
        needsKeyframe = true
        passKeyframeRequest(now: now)
    }

    /// Takes video that has not left out of the queue and gives its sequence numbers back, so that the receiver sees no
    /// gap it would wait for. Returns how many packets that were.
    private mutating func dropWaitingVideo() -> Int {
        let (count, firstUnsent) = queue.remove(.video)
        if let firstUnsent, let videoStream {
            rtp.withdraw(from: firstUnsent, on: videoStream)
            needsKeyframe = true
        }
        return count
    }

    private mutating func enqueue(
        _ sequence: SequenceNumber, kind: MediaKind, on stream: Int, purpose: PacerItem.Purpose, now: Instant
    ) {
        let packetKind: PacketKind = purpose == .media ? .media : .retransmission
        guard let size = rtp.sendStreams[stream].size(of: sequence, as: packetKind) else { return }
        queue.push(PacerItem(kind: kind, sequence: sequence, purpose: purpose, size: size, enqueuedAt: now))
    }

    /// Composes the next packet in the empty buffer `packet` and encrypts it with `keys`; false when nothing may leave now.
    mutating func pollTransmit(into packet: inout PacketBuffer, with keys: inout MediaKeys, now: Instant) -> Bool {
        if rtp.pollTransmit(into: &packet, now: now) {
            return protectControl(&packet, with: &keys)
        }
        while congestion != nil {
            switch congestion!.next(queueState, now: now) {
            case .send(let kind, let probe):
                guard let item = queue.pop(kind) else { return false }
                if write(item, as: kind, probe: probe, into: &packet, with: &keys, now: now) { return true }
            case .pad(let size, let probe):
                if writePadding(size, probe: probe, into: &packet, with: &keys, now: now) { return true }
                // Nothing to pad with: the probe ends by itself when it falls behind.
                return false
            case .wait: return false
            }
            packet.removeAll()
        }
        return false
    }

    private var queueState: PacerQueues { queue.state(canPad: canPad) }

    private var canPad: Bool {
        guard let videoStream, sentFirstVideo else { return false }
        return rtp.sendStreams[videoStream].retransmissionType != nil
    }

    private mutating func write(
        _ item: PacerItem, as kind: PacerPacketKind, probe: ProbeCluster.ID?, into packet: inout PacketBuffer,
        with keys: inout MediaKeys, now: Instant
    ) -> Bool {
        guard let stream = stream(item.kind) else { return false }
        let extensions = sendTimeExtensions(of: stream)
        let packetKind: PacketKind = item.purpose == .media ? .media : .retransmission
        guard
            rtp.write(item.sequence, on: stream, as: packetKind, extensions: extensions, into: &packet, now: now),
            protect(
                &packet, with: &keys, as: kind, probe: probe, isReported: extensions.transportSequence != nil, now: now)
        else { return false }
        if item.kind == .video, !sentFirstVideo {
            sentFirstVideo = true
            events.append(.firstVideoPacketSent)
        }
        return true
    }

    /// A packet for a probe: one that was sent before, which may even help, or zeros.
    private mutating func writePadding(
        _ size: DataSize, probe: ProbeCluster.ID?, into packet: inout PacketBuffer, with keys: inout MediaKeys,
        now: Instant
    ) -> Bool {
        guard let stream = videoStream else { return false }
        let extensions = sendTimeExtensions(of: stream)
        var wrote = false
        if let sequence = rtp.sendStreams[stream].paddingCandidate {
            wrote =
                rtp.write(sequence, on: stream, as: .padding, extensions: extensions, into: &packet, now: now)
        }
        if !wrote {
            packet.removeAll()
            wrote = rtp.writePadding(size.bytes, on: stream, extensions: extensions, into: &packet, now: now)
        }
        guard wrote else { return false }
        return protect(
            &packet, with: &keys, as: .padding, probe: probe, isReported: extensions.transportSequence != nil, now: now)
    }

    private func sendTimeExtensions(of stream: Int) -> SendTimeExtensions {
        let isReported = rtp.sendStreams[stream].usesTransportSequence
        return SendTimeExtensions(transportSequence: isReported ? congestion?.nextSequence : nil)
    }

    private mutating func protect(
        _ packet: inout PacketBuffer, with keys: inout MediaKeys, as kind: PacerPacketKind, probe: ProbeCluster.ID?,
        isReported: Bool, now: Instant
    ) -> Bool {
        do throws(SRTPError) {
            try keys.sender.protect(&packet)
        } catch {
            drops.add(.protectionFailed)
            return false
        }
        let onWire = DataSize(bytes: packet.count + MediaStreams.datagramOverhead)
        congestion?.packetSent(onWire, as: kind, probe: probe, isReported: isReported, now: now)
        return true
    }

    private mutating func protectControl(_ packet: inout PacketBuffer, with keys: inout MediaKeys) -> Bool {
        do throws(SRTPError) {
            try keys.sender.protectControl(&packet)
            return true
        } catch {
            drops.add(.protectionFailed)
            packet.removeAll()
            return false
        }
    }

    /// Forgets what waits, and says goodbye for all streams with the next RTCP packet (RFC 3550 section 6.6).
    mutating func stop(saysGoodbye: Bool) {
        queue.removeAll()
        if saysGoodbye { rtp.sayGoodbye() }
    }

    // MARK: Receiving

    /// One authentic RTP packet from the peer.
    mutating func handleRTP(_ packet: Span<UInt8>, now: Instant) { rtp.handleRTP(packet, now: now) }

    /// One authentic RTCP packet from the peer.
    mutating func handleRTCP(_ packet: Span<UInt8>, now: Instant) {
        rtp.handleRTCP(packet, now: now)
        settle(now: now)
    }

    private mutating func settle(now: Instant) {
        while let event = rtp.pollEvent() {
            switch event {
            case .retransmit(let stream, let sequence):
                // Of what is no longer sent nothing is sent again.
                guard stream == audioStream || stream == videoStream else { continue }
                let kind: MediaKind = stream == audioStream ? .audio : .video
                enqueue(sequence, kind: kind, on: stream, purpose: .retransmission, now: now)
                for _ in 1..<repairCopies.count where rtp.grantCopy(of: sequence, on: stream, now: now) {
                    enqueue(sequence, kind: kind, on: stream, purpose: .retransmission, now: now)
                }
            case .keyframeRequested(let stream):
                guard stream == videoStream else { continue }
                passKeyframeRequest(now: now)
            case .roundTripTime(let time):
                roundTripTime = time
                congestion?.handle(roundTripTime: time, now: now)
            case .lossReported(let stream, let fraction):
                if stream == audioStream { events.append(.lossReported(fraction: fraction)) }
                if stream == videoStream ?? audioStream { congestion?.handle(lossFraction: fraction, now: now) }
            case .transportFeedback:
                congestion?.handle(rtp.packetArrivals, now: now)
                beginAnewAfterSilence(now: now)
            case .receiverEstimate(let rate): congestion?.handle(receiverEstimate: rate, now: now)
            case .goodbye: break
            }
        }
        announceBitrate()
    }

    /// Tells the encoders what they may make.
    private mutating func announceBitrate() {
        guard let congestion else { return }
        if let videoStream {
            let known = congestion.statistics
            repairCopies.update(
                loss: known.loss, usage: known.usage,
                queueDelay: congestionConfiguration?.usesTransportFeedback == true ? known.queueDelay : nil)
            rtp.setRetransmissionRate(congestion.target * MediaStreams.retransmissionShare, on: videoStream)
        }
        let change = plan.update(
            target: congestion.target, repairs: repairCopies.share(of: congestion.statistics.loss),
            waiting: queue.size / congestion.target)
        if let rate = change.audio { events.append(.audioBitrateChanged(rate)) }
        if let rate = change.video { events.append(.videoBitrateChanged(rate)) }
    }

    /// Another pair of candidates carries the media now.
    mutating func pathChanged(now: Instant) {
        congestion?.pathChanged(now: now)
        beginPictureAnew(now: now)
    }

    /// The peer sends feedback again after a silence.
    private mutating func beginAnewAfterSilence(now: Instant) {
        guard let congestion, congestion.resumptions != resumptions else { return }
        resumptions = congestion.resumptions
        beginPictureAnew(now: now)
    }

    /// What was sent and what waits is of no use to a peer that missed part of it: a keyframe is, and nothing is to stand
    /// in front of it.
    private mutating func beginPictureAnew(now: Instant) {
        guard videoStream != nil, sentFirstVideo else { return }
        drops.add(.supersededByKeyframe, UInt64(dropWaitingVideo()))
        keyframePassedAt = nil
        passKeyframeRequest(now: now)
    }

    private mutating func passKeyframeRequest(now: Instant) {
        if let last = keyframePassedAt, now - last < KeyframeSpacing.least { return }
        keyframePassedAt = now
        events.append(.keyframeRequested)
    }

    /// The next whole frame received of one kind, in place of what was in `frame`.
    mutating func nextFrame(_ kind: MediaKind, into frame: inout [UInt8], now: Instant) -> ReceivedFrame? {
        guard let index = receivedKinds.firstIndex(of: kind) else { return nil }
        frame.removeAll(keepingCapacity: true)
        return rtp.nextFrame(on: index, into: &frame, now: now)
    }

    // MARK: Time

    mutating func handleTimeout(hasKeys: Bool, now: Instant) {
        rtp.handleTimeout(now: now)
        if hasKeys { congestion?.handleTimeout(now: now) }
        settle(now: now)
        if let oldest = queue.oldest, now - oldest > MediaStreams.maximumQueueDelay {
            let removed = dropWaitingVideo()
            if removed > 0 {
                drops.add(.waitedTooLong, UInt64(removed))
                passKeyframeRequest(now: now)
            }
        }
    }

    mutating func pollEvent() -> MediaPath.Event? { events.popFirst() }

    var nextTimeout: Wake? {
        .earliest(rtp.nextTimeout, congestion?.nextTimeout(queueState))
    }

    func sendStream(of kind: MediaKind) -> SendStream? {
        guard let stream = stream(kind) else { return nil }
        return rtp.sendStreams[stream]
    }

    /// Pictures that have left whole, those of streams that have ended too.
    var framesSent: UInt64 {
        rtp.sendStreams.reduce(0) { $1.kind == .video ? $0 + $1.statistics.frames : $0 }
    }

    /// What the video encoder was told to make.
    var videoTarget: Bitrate { plan.video }

    /// What the audio encoder may make.
    var audioTarget: Bitrate { plan.audio }

    /// What the streams and their RTCP dropped.
    var rtpDrops: Counter<RTPDropReason> {
        var all = rtp.dropped
        for stream in rtp.sendStreams { all.add(stream.dropped) }
        return all
    }

    /// Of all streams there ever were.
    var sendStatistics: [SendStatistics] { rtp.sendStreams.map(\.statistics) }

    /// Nil before something was sent.
    var congestionStatistics: CongestionStatistics? { congestion?.statistics }

    /// What waits to leave.
    var queued: DataSize { queue.size }
}

extension NegotiatedCodec {
    fileprivate var media: MediaCodec { video.map { .video($0) } ?? .opus }
}
