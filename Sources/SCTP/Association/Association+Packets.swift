public import Primitives

// What comes from the peer: the packet, then its chunks by type.

extension Association {
    /// A packet that DTLS has decrypted. Whatever it holds, it is answered, used, or counted.
    public mutating func handle(_ bytes: Span<UInt8>, now: Instant) {
        guard bytes.count >= PacketHeader.size + ChunkType.headerSize, let header = try? PacketHeader(bytes) else {
            return drop(.malformedPacket)
        }
        var offset = PacketHeader.size
        let first: TLV
        do {
            guard let found = try TLV.nextChunk(in: bytes, at: &offset) else { return drop(.malformedPacket) }
            first = found
        } catch { return drop(.malformedPacket) }
        let type = ChunkType(rawValue: UInt8(truncatingIfNeeded: first.type))
        // "MUST … a valid CRC32c" where the peer cannot know yet that we take none (RFC 9653 section 5.3).
        let maySkip = configuration.usesZeroChecksum && type != .initiation && type != .cookieEcho
        guard header.checksum == 0 && maySkip || header.checksum == CRC32c.checksum(ofPacket: bytes) else {
            return drop(.checksumInvalid)
        }
        guard header.source == configuration.remotePort, header.destination == configuration.localPort else {
            return drop(.portMismatch)
        }
        switch type {
        case .initiation:
            // "A receiver of an INIT chunk … bundled … MUST silently discard".
            guard header.tag == 0, offset == bytes.count else { return drop(.initiationInvalid) }
            return handleInitiation(bytes.extracting(first.value), now: now)
        case .cookieEcho:
            // Its tag is the cookie's, which may be another than the association's.
            guard handleCookieEcho(bytes.extracting(first.value), tag: header.tag, now: now) else { return }
        case .abort, .shutdownComplete:
            // The T bit: the sender had no association, and sends our own tag back (section 8.5.1).
            let expected = first.flags & 1 == 1 ? phase.remote?.tag : handshake.own.tag
            guard header.tag == expected else { return drop(.verificationTagMismatch) }
            offset = PacketHeader.size
        default:
            switch phase {
            case .idle, .ended: return handleOutOfTheBlue(type, tag: header.tag)
            default: break
            }
            guard header.tag == handshake.own.tag else { return drop(.verificationTagMismatch) }
            offset = PacketHeader.size
        }
        handleChunks(bytes, from: offset, now: now)
    }

    /// "Out of the blue": there is no association for it (RFC 9260 section 8.4).
    private mutating func handleOutOfTheBlue(_ type: ChunkType?, tag: UInt32) {
        drop(.unexpectedChunk)
        switch type {
        case .shutdownAck: reply(tag: tag) { $0.writeChunk(.shutdownComplete, flags: 1) { _ in } }
        case .cookieAck, .error: break
        default: reply(tag: tag) { $0.writeChunk(.abort, flags: 1) { _ in } }
        }
    }

    private mutating func handleChunks(_ bytes: Span<UInt8>, from start: Int, now: Instant) {
        var offset = start
        var hasData = false
        while !hasEnded {
            let chunk: TLV
            do {
                guard let next = try TLV.nextChunk(in: bytes, at: &offset) else { break }
                chunk = next
            } catch {
                drop(.malformedChunk)
                break
            }
            let value = bytes.extracting(chunk.value)
            guard let type = ChunkType(rawValue: UInt8(truncatingIfNeeded: chunk.type)) else {
                drop(.unknownChunk)
                let unknown = UnknownType(chunk: chunk.type)
                if unknown.isReported { report(bytes.extracting(chunk.whole)) }
                guard !unknown.stops else { break }
                continue
            }
            if type == .data { hasData = true }
            do {
                try handle(type, flags: chunk.flags, value, now: now)
            } catch {
                drop(.malformedChunk)
            }
            collect()
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
        reply(tag: remote.tag) { writer in
            writer.writeChunk(.error) { writer in
                writer.writeCause(.unrecognizedChunkType) { $0.write(chunk.extracting(0..<min(chunk.count, 256))) }
            }
        }
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
        case .initiationAck: try handleInitiationAck(value, now: now)
        case .cookieAck: handleCookieAck(now: now)
        case .abort: end(.abortedByPeer(ErrorCause.first(in: value)))
        case .error: handleError(value, now: now)
        case .shutdown: try handleShutdown(value, now: now)
        case .shutdownAck: handleShutdownAck()
        case .shutdownComplete:
            guard case .shutdownAckSent = phase else { return drop(.unexpectedChunk) }
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
            reply(tag: remote.tag) { writer in
                writer.writeChunk(.error) { writer in
                    writer.writeCause(.invalidStreamIdentifier) { writer in
                        writer.write(chunk.stream.rawValue)
                        writer.write(0 as UInt16)
                    }
                }
            }
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
        var offset = 0
        guard let parameter = try TLV.nextParameter(in: value, at: &offset) else { throw .truncated }
        var reader = ByteReader(value.extracting(parameter.value))
        guard let nonce = try? reader.readUInt64() else { throw .truncated }
        guard let sample = heartbeats.takeAnswer(nonce, now: now) else { return drop(.heartbeatUnknown) }
        timeout.measure(sample)
        heartbeats.noteAnswer(rto: timeout.value, now: now)
    }
}

extension TSN {
    /// Big endian.
    var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> UInt32(24 - 8 * $0)) } }
}
