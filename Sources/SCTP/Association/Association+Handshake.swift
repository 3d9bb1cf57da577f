import Primitives

// How an association begins and ends (RFC 9260 sections 5 and 9).

extension Association {
    // MARK: Beginning

    mutating func handleInitiation(_ value: Span<UInt8>, now: Instant) {
        let (chunk, report): (InitiationChunk, [UInt8])
        switch Handshake.judge(initiation: value) {
        case .malformed: return drop(.malformedChunk)
        case .invalid: return drop(.initiationInvalid)
        case .refused(let tag):
            drop(.initiationInvalid)
            return reply(tag: tag) { $0.writeChunk(.abort) { $0.writeCause(.invalidMandatoryParameter) } }
        case .valid(let valid, let unknown): (chunk, report) = (valid, unknown)
        }
        switch phase {
        case .ended: return reply(tag: chunk.tag) { $0.writeChunk(.abort) { _ in } }
        case .shutdownAckSent:
            // "it MUST … resend the SHUTDOWN ACK" (section 9.2).
            control.due.insert(.shutdownAck)
            return
        case .idle, .cookieWait, .cookieEchoed, .established, .shutdownPending, .shutdownSent, .shutdownReceived:
            break
        }
        let answer = handshake.answer(
            to: chunk, current: phase.remote, isEstablished: phase.isEstablished, now: now)
        reply(tag: chunk.tag) {
            answer.chunk.write(as: .initiationAck, cookie: answer.cookie, report: report, into: &$0)
        }
    }

    mutating func handleInitiationAck(_ value: Span<UInt8>, now: Instant) throws(SCTPError) {
        // "discard" in each other phase (section 5.2.3).
        guard case .cookieWait = phase else { return drop(.unexpectedChunk) }
        switch try handshake.judge(answer: value) {
        // "the receiver MUST destroy the association".
        case .withoutTag: end(.peerViolation(.invalidMandatoryParameter))
        case .refused(let cause, let detail, let remote): abort(cause, detail, to: remote)
        case .valid(let remote, let cookie, let report):
            phase = .cookieEchoed(remote, cookie: cookie, report: report)
            control.start(.cookieEcho, rto: timeout.value, now: now)
        }
    }

    /// False when nothing of the packet behind it is to be read.
    mutating func handleCookieEcho(_ cookie: Span<UInt8>, tag: UInt32, now: Instant) -> Bool {
        guard !hasEnded else {
            drop(.unexpectedChunk)
            return false
        }
        let verdict = handshake.judge(
            cookie, tag: tag, current: phase.remote, isEstablished: phase.isEstablished, now: now)
        switch verdict {
        case .invalid:
            drop(.cookieInvalid)
            return false
        case .stale(let staleness):
            drop(.cookieStale)
            let microseconds = UInt32(clamping: staleness.nanoseconds / 1000)
            reply(tag: phase.remote?.tag ?? 0) { writer in
                writer.writeChunk(.error) { $0.writeCause(.staleCookie) { $0.write(microseconds) } }
            }
            return false
        case .repeated: control.due.insert(.cookieAck)
        case .begin(let remote):
            begin(remote, now: now)
            control.due.insert(.cookieAck)
        case .restart(let remote, let own):
            if case .shutdownAckSent(let current) = phase {
                // Section 5.2.4: no restart while it ends.
                reply(tag: current.tag) { $0.writeChunk(.error) { $0.writeCause(.cookieReceivedWhileShuttingDown) } }
                control.due.insert(.shutdownAck)
                return false
            }
            outgoing.restart(initialTSN: own.initialTSN)
            emit(.restarted)
            begin(remote, isRestart: true, now: now)
            control.due.insert(.cookieAck)
        }
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
