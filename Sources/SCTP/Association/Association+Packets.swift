public import Primitives

// What comes from the peer: the packet, then its chunks by type.

extension Association {
    /// A packet that DTLS has decrypted. Whatever it holds, it is answered, used, or counted.
    public mutating func handle(_ bytes: Span<UInt8>, now: Instant) {
        let verdict = PacketAdmission.judge(
            bytes, configuration, own: handshake.own.tag, remote: phase.remote?.tag, isAssociated: phase.isAssociated)
        switch verdict {
        case .drop(let reason): drop(reason)
        case .initiation(let value): handleInitiation(bytes.extracting(value), now: now)
        case .cookieEcho(let value, let tag, let next):
            guard handleCookieEcho(bytes.extracting(value), tag: tag, now: now) else { return }
            handleChunks(bytes, from: next, now: now)
        case .outOfTheBlue(let answer, let tag):
            drop(.unexpectedChunk)
            if let answer { reply(tag: tag) { $0.writeChunk(answer, flags: 1) { _ in } } }
        case .chunks(let start): handleChunks(bytes, from: start, now: now)
        }
    }

    private mutating func handleChunks(_ bytes: Span<UInt8>, from start: Int, now: Instant) {
        var chunks = ChunkSequence(from: start)
        var hasData = false
        reading: while !hasEnded {
            switch chunks.next(in: bytes) {
            case .end: break reading
            case .malformed: drop(.malformedChunk)
            case .unknown(let reported):
                drop(.unknownChunk)
                if let reported { report(bytes.extracting(reported)) }
            case .chunk(let type, let flags, let value):
                if type == .data { hasData = true }
                do {
                    try handle(type, flags: flags, bytes.extracting(value), now: now)
                } catch {
                    drop(.malformedChunk)
                }
                collect()
            }
        }
        guard !hasEnded else { return }
        if hasData, phase.takesData {
            incoming.noteDataPacket(now: now)
            if case .shutdownSent = phase {
                // "the SHUTDOWN sender MUST respond … with a SHUTDOWN … and SACK".
                incoming.acknowledgeAtOnce()
                control.due.insert(.shutdown)
            }
        }
        resets.performDeferred(&incoming)
        collect()
        advanceShutdown(now: now)
    }

    /// An unknown chunk that wants to be reported: "Unrecognized Chunk Type" (RFC 9260 section 3.3.10.6).
    private mutating func report(_ chunk: Span<UInt8>) {
        guard let remote = phase.remote else { return }
        reply(tag: remote.tag) { $0.writeUnrecognized(chunk) }
    }

    private mutating func handle(_ type: ChunkType, flags: UInt8, _ value: Span<UInt8>, now: Instant)
        throws(SCTPError)
    {
        switch type {
        case .data: try handleData(value, flags: flags)
        case .sack: try handleSACK(value, now: now)
        case .forwardTSN:
            guard phase.takesData else { return drop(.unexpectedChunk) }
            if try incoming.handleForwardTSN(value) == .tooLarge { abort(.protocolViolation) }
        case .reconfiguration:
            guard phase.takesData else { return drop(.unexpectedChunk) }
            try resets.handle(
                value, incoming: &incoming, streams: configuration.streams, rto: timeout.value, now: now)
        case .heartbeat: handleHeartbeat(value)
        case .heartbeatAck: try handleHeartbeatAck(value, now: now)
        case .initiationAck: handleInitiationAck(value, now: now)
        case .cookieAck: handleCookieAck(now: now)
        case .abort: end(.abortedByPeer(ErrorCause.first(in: value)))
        case .error: handleError(value, now: now)
        case .shutdown: try handleShutdown(value, now: now)
        case .shutdownAck: handleShutdownAck()
        case .shutdownComplete:
            guard phase.awaitsShutdownComplete else { return drop(.unexpectedChunk) }
            end(.shutdown)
        case .initiation, .cookieEcho: drop(.unexpectedChunk)
        case .ecnEcho, .congestionWindowReduced: drop(.unknownChunk)
        }
    }

    private mutating func handleData(_ value: Span<UInt8>, flags: UInt8) throws(SCTPError) {
        guard phase.takesData, let remote = phase.remote else { return drop(.unexpectedChunk) }
        let chunk = try DataChunk(value, flags: flags)
        // "MUST send an ABORT … with … No User Data".
        guard value.count > DataChunk.fieldSize else { return abort(.noUserData, chunk.tsn.bytes) }
        guard chunk.stream.rawValue < remote.incomingStreams else {
            // "it SHALL acknowledge … and immediately send an ERROR chunk" (section 6.5).
            reply(tag: remote.tag) { $0.writeInvalidStream(chunk.stream) }
            if incoming.skip(chunk) == .tooLarge { abort(.protocolViolation) }
            return
        }
        let data = value.extracting(DataChunk.fieldSize..<value.count)
        if incoming.handle(chunk, data) == .tooLarge { abort(.protocolViolation) }
    }

    private mutating func handleSACK(_ value: Span<UInt8>, now: Instant) throws(SCTPError) {
        guard phase.isEstablished else { return drop(.unexpectedChunk) }
        judge(try outgoing.handleSACK(value, timeout: &timeout, now: now), now: now)
    }

    mutating func judge(_ verdict: OutgoingData.Verdict, now: Instant) {
        switch verdict {
        case .outdated: drop(.acknowledgementOutdated)
        case .violation: abort(.protocolViolation)
        case .taken(let bytes): if bytes > 0 { heartbeats.noteAnswer(rto: timeout.value, now: now) }
        }
    }

    private mutating func handleHeartbeat(_ value: Span<UInt8>) {
        guard let remote = phase.remote else { return drop(.unexpectedChunk) }
        guard value.count <= configuration.maximumPacketSize - 16 else { return drop(.malformedChunk) }
        reply(tag: remote.tag) { $0.writeChunk(.heartbeatAck) { $0.write(value) } }
    }

    private mutating func handleHeartbeatAck(_ value: Span<UInt8>, now: Instant) throws(SCTPError) {
        guard let sample = try heartbeats.takeAnswer(value, now: now) else { return drop(.heartbeatUnknown) }
        timeout.measure(sample)
        heartbeats.noteAnswer(rto: timeout.value, now: now)
    }
}

extension TSN {
    /// Big endian.
    var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> UInt32(24 - 8 * $0)) } }
}
