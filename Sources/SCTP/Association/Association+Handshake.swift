import Primitives

// How an association begins and ends (RFC 9260 sections 5 and 9).

extension Association {
    // MARK: Beginning

    mutating func handleInitiation(_ value: Span<UInt8>, now: Instant) {
        switch handshake.answer(initiation: value, in: phase, now: now) {
        case .dropped(let reason): drop(reason)
        case .refused(let tag):
            drop(.initiationInvalid)
            reply(tag: tag) { $0.writeChunk(.abort) { $0.writeCause(.invalidMandatoryParameter) } }
        case .ended(let tag): reply(tag: tag) { $0.writeChunk(.abort) { _ in } }
        case .shutdownAckAgain: control.due.insert(.shutdownAck)
        case .acknowledged(let tag, let own, let cookie, let report):
            reply(tag: tag) { own.write(as: .initiationAck, cookie: cookie, report: report, into: &$0) }
        }
    }

    mutating func handleInitiationAck(_ value: Span<UInt8>, now: Instant) {
        switch handshake.judge(initiationAck: value, in: phase) {
        case .dropped(let reason): drop(reason)
        // "the receiver MUST destroy the association".
        case .withoutTag: end(.peerViolation(.invalidMandatoryParameter))
        case .refused(let cause, let detail, let remote): abort(cause, detail, to: remote)
        case .accepted(let remote, let cookie, let report):
            phase = .cookieEchoed(remote, cookie: cookie, report: report)
            control.start(.cookieEcho, rto: timeout.value, now: now)
        }
    }

    /// False when nothing of the packet behind it is to be read.
    mutating func handleCookieEcho(_ cookie: Span<UInt8>, tag: UInt32, now: Instant) -> Bool {
        switch handshake.judge(cookieEcho: cookie, tag: tag, in: phase, now: now) {
        case .dropped(let reason):
            drop(reason)
            return false
        case .stale(let microseconds):
            drop(.cookieStale)
            reply(tag: phase.remote?.tag ?? 0) { $0.writeStaleCookie(microseconds) }
            return false
        case .shuttingDown(let tag):
            reply(tag: tag) { $0.writeChunk(.error) { $0.writeCause(.cookieReceivedWhileShuttingDown) } }
            control.due.insert(.shutdownAck)
            return false
        case .repeated: break
        case .begin(let remote): begin(remote, now: now)
        case .restart(let remote, let own):
            outgoing.restart(initialTSN: own.initialTSN)
            emit(.restarted)
            begin(remote, isRestart: true, now: now)
        }
        control.due.insert(.cookieAck)
        return true
    }

    mutating func handleCookieAck(now: Instant) {
        // "discard" in each other phase (section 5.2.5).
        guard case .cookieEchoed(let remote, _, _) = phase else { return drop(.unexpectedChunk) }
        begin(remote, now: now)
    }

    private mutating func begin(_ remote: RemoteEndpoint, isRestart: Bool = false, now: Instant) {
        phase = .established(remote)
        control.stop()
        timeout = RetransmissionTimeout(configuration)
        heartbeats.noteAnswer(rto: timeout.value, now: now)
        incoming = IncomingData(configuration, initialTSN: remote.initialTSN, drops: incoming.dropped)
        resets.begin(
            localTSN: handshake.own.initialTSN, peerTSN: remote.initialTSN, isRestart: isRestart)
        outgoing.begin(
            peerWindow: remote.window, streams: remote.outgoingStreams,
            usesPartialReliability: remote.extensions.contains(.partialReliability))
        if !isRestart { emit(.established) }
    }

    mutating func handleError(_ value: Span<UInt8>, now: Instant) {
        guard case .cookieEchoed = phase, ErrorCause.first(in: value) == .staleCookie else { return }
        // Section 5.2.6: a new INIT, as often as INIT may be sent.
        guard control.retry(.initiation, rto: timeout.value, now: now) else { return end(.handshakeTimedOut) }
        control.due.remove(.cookieEcho)
        phase = .cookieWait
    }

    // MARK: Ending

    mutating func handleShutdown(_ value: Span<UInt8>, now: Instant) throws(SCTPError) {
        var reader = ByteReader(value)
        guard let cumulative = try? reader.readUInt32() else { throw .truncated }
        switch phase.peerShutsDown() {
        case .unexpected: return drop(.unexpectedChunk)
        case .repeated: return
        case .taken: break
        case .crossed:
            control.stop()
            return control.start(.shutdownAck, rto: timeout.value, now: now)
        }
        judge(outgoing.handleCumulative(TSN(cumulative), timeout: &timeout, now: now), now: now)
    }

    mutating func handleShutdownAck() {
        guard let remote = phase.shutdownAckSender else { return drop(.unexpectedChunk) }
        reply(tag: remote.tag) { $0.writeChunk(.shutdownComplete) { _ in } }
        end(.shutdown)
    }

    /// All that was to be sent before the end has arrived: the next step.
    mutating func advanceShutdown(now: Instant) {
        guard outgoing.isIdle, let next = phase.sendingIsDone() else { return }
        control.start(next, rto: timeout.value, now: now)
    }
}
