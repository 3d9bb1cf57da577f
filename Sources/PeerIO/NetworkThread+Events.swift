import Media
import Peer
import Primitives
import Reactor
import Service
import Signaling

/// What the session says, and its end.
extension NetworkThread {
    mutating func handle(_ event: PeerSession.Event, now: Instant) {
        let id = session.id
        switch event {
        case .localCandidate(let text, let mid, let index):
            events.post(
                .localCandidate(
                    sessionId: id, CandidatePayload(candidate: text, sdpMid: mid, sdpMLineIndex: index)))
        case .endOfLocalCandidates(let mid, let index):
            events.post(
                .localCandidate(sessionId: id, CandidatePayload(candidate: "", sdpMid: mid, sdpMLineIndex: index)))
        case .connected:
            session.statisticsAt = now + NetworkThread.statisticsInterval
            session.lastStatisticsAt = now
            // Open already for a peer that has begun anew, and perhaps wants something else.
            take([])
            matchKinds(of: id)
            events.post(.connected(sessionId: id))
        case .sentKindsChanged: matchKinds(of: id)
        case .firstVideoPacketSent:
            let elapsed = session.offerArrivedAt.map { Int((now - $0).milliseconds.rounded()) } ?? 0
            events.post(.firstFrameSent(sessionId: id, milliseconds: elapsed))
        case .keyframeRequested:
            session.keyframeRequests += 1
            session.subscriber?.requestKeyframe()
        case .lossReported(let fraction):
            session.audioWish.noteLoss(percent: Int((fraction * 100).rounded()))
            session.subscriber?.wish(session.audioWish)
        case .videoBitrateChanged(let rate):
            session.videoWish.bitrate = rate
            session.subscriber?.wish(session.videoWish)
        case .audioBitrateChanged(let rate):
            session.audioWish.bitrate = rate
            session.subscriber?.wish(session.audioWish)
        case .disconnected:
            NetworkThread.log.info("path went quiet", [LogField("SESSION", id)])
            // Perhaps for good, where no address of ours has changed: another path is looked for meanwhile.
            if session.restarts.mayAsk(now: now) { events.post(.restartRequest(sessionId: id)) }
        case .reconnected: NetworkThread.log.info("path carries again", [LogField("SESSION", id)])
        case .restartNeeded:
            session.restarts.asked(now: now)
            events.post(.restartRequest(sessionId: id))
        case .nameSocketsNeeded: openNameSockets()
        case .nameSocketsIdle: closeNameSockets()
        case .relayStreamFailed(let local, let alternate, let domain):
            relayFailed(from: local, alternate: alternate, domain: domain)
        case .relayRefused(let server, let transport, let reason):
            NetworkThread.log.repeated(
                .warning, "relay-refused", "turn server \(Redacted(server)) over \(transport) gives no relay: \(reason)"
            )
            let trouble = "turn server \(server) over \(transport): \(reason)"
            guard !session.relayTroubles.contains(trouble), session.relayTroubles.count < 4 else { return }
            session.relayTroubles.append(trouble)
            events.post(.relayRefused(sessionId: id, trouble))
        case .closed(let reason): closed(reason)
        }
    }

    /// A kind that the monitor does not ask for is not encoded either.
    private mutating func matchKinds(of sessionId: String) {
        let kinds: Set<MediaKind>? =
            switch peer {
            case .some(let peer): peer.phase == .connected ? Set(MediaKind.allCases.filter { peer.sends($0) }) : nil
            case .none: nil
            }
        if kinds?.contains(.audio) == true, !session.taken.contains(.audio) { beginAudio() }
        take(kinds ?? [])
        if let kinds { events.post(.sending(sessionId: sessionId, kinds)) }
    }

    private mutating func take(_ kinds: Set<MediaKind>) {
        guard kinds != session.taken else { return }
        session.taken = kinds
        session.subscriber?.take(kinds)
    }

    /// The sound begins as the peer likes it, whatever the last one liked.
    private mutating func beginAudio() {
        switch peer {
        case .some(let peer):
            let wishes = peer.audioWishes
            session.audioWish = AudioWish(
                bitrate: peer.audioBitrate, correctsErrors: wishes.forwardErrorCorrection,
                skipsSilence: wishes.discontinuousTransmission, playbackRate: wishes.maximumPlaybackRate,
                packetTime: wishes.maximumPacketTime)
            session.subscriber?.wish(session.audioWish)
        case .none: break
        }
    }

    /// A description may say anew what the peer takes, in mid-session too.
    mutating func matchWishes() {
        let wishes: (video: VideoWishes, codec: VideoCodec?, audio: AudioWishes)? =
            switch peer {
            case .some(let peer): (peer.videoWishes, peer.videoCodec, peer.audioWishes)
            case .none: nil
            }
        guard let wishes else { return }
        let codec = wishes.codec ?? session.videoWish.codec
        if session.videoWishes != wishes.video || session.videoWish.codec != codec {
            session.videoWishes = wishes.video
            session.videoWish = VideoWish(
                bitrate: session.videoWish.bitrate, macroblocks: wishes.video.maximumFrameSize,
                frameRate: wishes.video.maximumFrameRate, codec: codec)
            session.subscriber?.wish(session.videoWish)
        }
        if session.audioWishes != wishes.audio {
            session.audioWishes = wishes.audio
            if session.taken.contains(.audio) { beginAudio() }
        }
    }

    private mutating func closed(_ reason: PeerSession.CloseReason) {
        let id = session.id
        // Without a path, what TURN servers said is what a technician needs to know.
        let parts = [reason.description] + (reason == .iceFailed ? session.relayTroubles : [])
        let text = parts.joined(separator: "; ")
        summarize(reason: text)
        let code = reason.errorCode.flatMap(SessionErrorCode.init(rawValue:)) ?? .dtlsFailed
        events.post(.ended(sessionId: id, reason: text, code: code))
        release()
        endedSession = id
    }

    mutating func close() {
        guard hasSession else { return }
        let now = MonotonicClock.now()
        summarize(reason: "closed here")
        peer!.close(now: now)
        transmit(now: now)
        release()
    }

    private func summarize(reason: String) {
        if let last = statistics(now: MonotonicClock.now()) { events.post(.summary(last, reason: reason)) }
    }

    /// Gives everything of the session back: its place in the hub, sockets, packets.
    private mutating func release() {
        session.subscriber?.end()
        for bound in sockets { release(bound) }
        sockets = []
        closeNameSockets()
        closeRelays()
        peer = nil
        session = LiveSession()
    }

    mutating func release(_ bound: BoundSocket) {
        bound.socket.dropQueue()
        do throws(SystemError) {
            try loop.deregister(bound.socket.descriptor)
        } catch {
            NetworkThread.log.repeated(.warning, "deregister", "socket not deregistered: \(error)")
        }
    }

    mutating func reportStatistics(now: Instant) {
        guard var statistics = statistics(now: now) else { return }
        session.statisticsAt = now + NetworkThread.statisticsInterval
        if let last = session.lastStatisticsAt, now > last {
            // A peer that begins anew is counted anew.
            let sent = UInt64(statistics.bytesSent)
            let bits = (sent >= session.lastBytes ? sent - session.lastBytes : sent) * 8
            statistics.sentBitsPerSecond = Int(Double(bits) / (now - last).seconds)
        }
        session.lastBytes = UInt64(statistics.bytesSent)
        session.lastStatisticsAt = now
        events.post(.statistics(statistics))
    }

    private func statistics(now: Instant) -> PeerStatistics? {
        guard let (snapshot, report) = numbers else { return nil }
        var statistics = PeerStatistics(sessionId: session.id, snapshot: snapshot, report: report, now: now)
        statistics.keyframeRequests = session.keyframeRequests
        if session.lostDatagrams > 0 { statistics.dropped["datagramNotSent"] = session.lostDatagrams }
        return statistics
    }
}
