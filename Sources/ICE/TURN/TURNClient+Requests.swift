public import Primitives
import STUN

/// Requests: how they are made, sent, sent again and answered.
extension TURNClient {
    mutating func submit(_ kind: Request.Kind, refusals: Int = 0, now: Instant) {
        requests.append(
            Request(
                id: .random(using: &random), kind: kind, transmissions: 0, nextAt: now, refusals: refusals,
                isAuthenticated: key != nil))
    }

    /// Writes the next request that is due into `packet`, replacing what is in it.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard
            let index = requests.firstIndex(where: { $0.nextAt <= now && $0.transmissions < maximumTransmissions })
        else { return pollKeepalive(into: &packet, now: now) }
        keepaliveAt = now + .seconds(15)
        requests[index].transmissions += 1
        let count = requests[index].transmissions
        // A stream does not lose: one transmission, and the time in which the last of seven would have been given up.
        let factor = transport != .udp ? 79 : count == maximumTransmissions ? 16 : 1 << (count - 1)
        requests[index].nextAt = now + minimumRTO * factor
        let request = requests[index]
        if request.kind == .deallocate { requests.remove(at: index) }
        packet.removeAll()
        packet.write { write(request, into: &$0) }
        return Transmit(source: base, destination: server, transport: transport)
    }

    /// A Binding indication, as RFC 8489 section 6.2 lets anyone send: only over UDP, only while there is an allocation.
    private mutating func pollKeepalive(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard phase == .allocated, transport == .udp, keepaliveAt <= now else { return nil }
        keepaliveAt = now + .seconds(15)
        let id = TransactionID.random(using: &random)
        packet.removeAll()
        packet.write { writer in
            let message = STUNMessageWriter(.bindingIndication, id, into: &writer)
            message.writeFingerprint(into: &writer)
        }
        return Transmit(source: base, destination: server, transport: transport)
    }

    private var maximumTransmissions: Int { transport == .udp ? 7 : 1 }

    private func write(_ request: Request, into writer: inout ByteWriter) {
        let method: STUNMethod =
            switch request.kind {
            case .allocate: .allocate
            case .refresh, .deallocate: .refresh
            case .createPermission: .createPermission
            case .channelBind: .channelBind
            }
        let message = STUNMessageWriter(MessageType(method, .request), request.id, into: &writer)
        switch request.kind {
        case .allocate:
            // 17 is UDP, the only transport between relay and peer that we want (RFC 8656 section 18.7).
            message.write(.requestedTransport, UInt32(17) << 24, into: &writer)
            // Without any attribute an address of IPv4 is meant (RFC 8656 section 7.1).
            switch families {
            case .both:
                message.write(
                    .additionalAddressFamily, UInt32(AddressFamily.ipv6.rawValue) << 24, into: &writer)
            case .ipv4: break
            case .ipv6:
                message.write(.requestedAddressFamily, UInt32(AddressFamily.ipv6.rawValue) << 24, into: &writer)
            }
        case .refresh: message.write(.lifetime, UInt32(600), into: &writer)
        case .deallocate: message.write(.lifetime, UInt32(0), into: &writer)
        case .createPermission(let addresses):
            for address in addresses {
                message.write(.xorPeerAddress, xor: SocketAddress(address: address, port: 0), into: &writer)
            }
        case .channelBind(let number, let peer):
            message.write(.channelNumber, UInt32(number) << 16, into: &writer)
            message.write(.xorPeerAddress, xor: peer, into: &writer)
        }
        if request.isAuthenticated, let key {
            message.write(.username, utf8: credentials.username, into: &writer)
            message.write(.realm, utf8: realm, into: &writer)
            message.write(.nonce, nonce.span, into: &writer)
            if passwordAlgorithms.isEmpty {
                message.writeMessageIntegrity(key: key, using: authenticator, into: &writer)
            } else {
                // "all the subsequent requests MUST be authenticated using MESSAGE-INTEGRITY-SHA256 only"
                message.write(.passwordAlgorithms, passwordAlgorithms.span, into: &writer)
                message.write(.passwordAlgorithm, UInt32(algorithm.rawValue) << 16, into: &writer)
                message.writeMessageIntegritySHA256(key: key, using: authenticator, into: &writer)
            }
        }
        message.writeFingerprint(into: &writer)
    }

    // MARK: Time

    public mutating func handleTimeout(now: Instant) {
        for request in requests where request.nextAt <= now && request.transmissions >= maximumTransmissions {
            requests.removeAll { $0.id == request.id }
            switch request.kind {
            case .allocate, .refresh: return fail(.timeout)
            case .deallocate: break
            case .createPermission(let addresses): deny(addresses)
            case .channelBind(let number, _): channels.removeAll { $0.number == number }
            }
        }
        if isRunningOut, let expiresAt, expiresAt <= now { return fail(.unauthenticated) }
        if let refreshAt, refreshAt <= now {
            self.refreshAt = nil
            submit(.refresh, now: now)
        }
        let due = permissions.filter { $0.refreshAt <= now }.map(\.address)
        if !due.isEmpty {
            for index in permissions.indices where permissions[index].refreshAt <= now {
                permissions[index].refreshAt = .distantFuture
            }
            for family in [true, false] {
                let addresses = due.filter { $0.isIPv4 == family }
                if !addresses.isEmpty { submit(.createPermission(addresses), now: now) }
            }
        }
        for index in channels.indices where channels[index].refreshAt <= now {
            channels[index].refreshAt = .distantFuture
            submit(.channelBind(channels[index].number, channels[index].peer), now: now)
        }
    }

    public var nextTimeout: Wake? {
        var wake: Wake?
        for request in requests { wake = .earliest(wake, Wake(at: request.nextAt, reason: .turnRetransmission)) }
        if phase == .allocated, transport == .udp {
            wake = .earliest(wake, Wake(at: keepaliveAt, reason: .iceKeepalive))
        }
        if isRunningOut, let expiresAt { wake = .earliest(wake, Wake(at: expiresAt, reason: .turnRefresh)) }
        if let refreshAt { wake = .earliest(wake, Wake(at: refreshAt, reason: .turnRefresh)) }
        for permission in permissions where permission.refreshAt < .distantFuture {
            wake = .earliest(wake, Wake(at: permission.refreshAt, reason: .turnRefresh))
        }
        for channel in channels where channel.refreshAt < .distantFuture {
            wake = .earliest(wake, Wake(at: channel.refreshAt, reason: .turnRefresh))
        }
        return wake
    }
}
