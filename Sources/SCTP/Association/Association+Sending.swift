public import Primitives

// What goes to the peer, and when.

extension Association {
    /// Writes the next packet into `packet`, which is empty and holds `maximumPacketSize` bytes. False when there is none now.
    ///
    /// - Parameter allowance: Bytes of packets with user data that may go now: what media leave of the path. Acknowledgements and
    ///   other control always go. A packet with data has at most so many bytes, and a message is not cut into pieces of less
    ///   than half a packet for its sake. The caller subtracts the packet's size, and asks again when there is more to give.
    ///   nil: only the congestion window counts.
    public mutating func pollTransmit(into packet: inout PacketBuffer, allowance: DataSize? = nil, now: Instant) -> Bool
    {
        precondition(
            packet.count == 0 && packet.capacity >= configuration.maximumPacketSize,
            "sctp: a packet is written into an empty buffer of its size")
        if let reply = control.nextReply() {
            packet.append(reply.span)
            return true
        }
        guard !hasEnded else { return false }
        defer { collect() }
        let tag = phase.remote?.tag ?? 0
        packet.write { $0.writePacketHeader(configuration, tag: tag) }
        let needsChecksum = writeControl(into: &packet, now: now)
        if phase.isEstablished, !needsChecksum { writeEstablished(into: &packet, allowance: allowance, now: now) }
        guard packet.count > PacketHeader.size else {
            packet.removeAll()
            return false
        }
        if needsChecksum || !(phase.remote?.extensions.contains(.zeroChecksum) ?? false) {
            var bytes = packet.mutableBytes
            PacketHeader.seal(&bytes)
        }
        return true
    }

    /// The chunks of beginning and end, and heartbeats. True when the packet has one that must have a checksum, and takes nothing else.
    private mutating func writeControl(into packet: inout PacketBuffer, now: Instant) -> Bool {
        guard !control.due.isEmpty else { return false }
        if control.write(
            into: &packet, phase, own: handshake.own, received: incoming.cumulativeTSN,
            limit: configuration.maximumPacketSize)
        {
            return true
        }
        if control.due.contains(.heartbeat) {
            control.due.remove(.heartbeat)
            let nonce = heartbeats.next(nonce: handshake.nonce(), rto: timeout.value, now: now)
            packet.write { $0.writeChunk(.heartbeat) { $0.writeParameter(1) { $0.write(nonce) } } }
        }
        return false
    }

    private mutating func writeEstablished(into packet: inout PacketBuffer, allowance: DataSize?, now: Instant) {
        let limit = configuration.maximumPacketSize
        if case .established(let remote) = phase {
            resets.prepare(&outgoing, isPossible: remote.extensions.contains(.reconfiguration))
        }
        let canSend = phase.sendsData && outgoing.canSend
        if incoming.wantsAcknowledgement(withData: canSend) {
            let room = limit - packet.count
            packet.write { incoming.writeAcknowledgement(size: room, into: &$0) }
        }
        if resets.isDue, limit - packet.count > limit / 2 {
            packet.write { resets.write(rto: timeout.value, now: now, into: &$0) }
        }
        let room = limit - packet.count
        packet.write { _ = outgoing.writeForwardTSN(size: room, into: &$0) }
        guard canSend else { return }
        _ = outgoing.write(
            into: &packet, limit: min(limit, allowance?.bytes ?? limit), rto: timeout.value, now: now)
        // Where a lifetime was over.
        let rest = limit - packet.count
        packet.write { _ = outgoing.writeForwardTSN(size: rest, into: &$0) }
    }

    // MARK: Time

    /// When and why to call `handleTimeout`; nil: not before something else happens.
    public var nextTimeout: Wake? {
        guard !hasEnded else { return nil }
        var wake = control.timerAt.map { Wake(at: $0, reason: .sctpHandshake) }
        if let at = outgoing.nextTimeout {
            wake = Wake.earliest(wake, Wake(at: at, reason: .sctpRetransmission))
        }
        if let at = incoming.nextTimeout {
            wake = Wake.earliest(wake, Wake(at: at, reason: .sctpAcknowledgement))
        }
        if let at = resets.nextTimeout { wake = Wake.earliest(wake, Wake(at: at, reason: .sctpRetransmission)) }
        if let at = heartbeats.at { wake = Wake.earliest(wake, Wake(at: at, reason: .sctpHeartbeat)) }
        return wake
    }

    /// Does what is due by now.
    public mutating func handleTimeout(now: Instant) {
        guard !hasEnded else { return }
        if let at = control.timerAt, at <= now { handleControlTimeout(now: now) }
        incoming.handleTimeout(now: now)
        var isPeerThere = true
        if outgoing.handleTimeout(timeout: &timeout, now: now) { isPeerThere = heartbeats.noteFailure() }
        if resets.handleTimeout(now: now) { isPeerThere = heartbeats.noteFailure() && isPeerThere }
        if let at = heartbeats.at, at <= now {
            isPeerThere = heartbeats.noteUnanswered() && isPeerThere
            heartbeats.postpone(rto: timeout.value, now: now)
            control.due.insert(.heartbeat)
        }
        if !isPeerThere { giveUp(.peerUnreachable) }
        collect()
        advanceShutdown(now: now)
    }

    private mutating func handleControlTimeout(now: Instant) {
        guard let what = phase.repeated else { return control.stop() }
        timeout.backOff()
        guard !control.retry(what, rto: timeout.value, now: now) else { return }
        giveUp(phase.isEstablished ? .peerUnreachable : .handshakeTimedOut)
    }

    /// Nobody answers; ABORT goes once, in case that somebody hears it.
    private mutating func giveUp(_ how: AssociationEnd) {
        if let remote = phase.remote { reply(tag: remote.tag) { $0.writeChunk(.abort) { _ in } } }
        end(how)
    }
}
