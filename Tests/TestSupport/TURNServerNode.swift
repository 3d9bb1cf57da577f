public import Primitives
public import STUN

/// A TURN server as RFC 8656 describes it, small and strict: long-term credentials with nonces that go stale,
/// one allocation for an address and only for the name that made it, permissions, channels, lifetimes. It relays from further ports of its own address.
public final class TURNServerNode: SimulatedNode {
    public struct Allocation {
        public var client: SocketAddress
        /// Who made it: nobody else may use it (441).
        public var username: String
        /// Of the request that made it: the same one again gets the same answer, another one 437.
        public var transaction: TransactionID
        public var relayed: [SocketAddress]
        public var expiresAt: Instant
        public var permissions: [IPAddress: Instant] = [:]
        public var channels: [UInt16: SocketAddress] = [:]
    }

    public let address: SocketAddress
    public let relayAddresses: [IPAddress]
    public var password = "secret"
    public var username = "kiosk"
    public var nonceLifetime: Duration = .seconds(3600)
    public var grantedLifetime: UInt32 = 600
    /// Where clients are sent instead.
    public var alternate: SocketAddress?
    /// Answers nothing any more.
    public var isDead = false
    public var usesSHA256 = false
    public private(set) var allocations: [Allocation] = []
    public private(set) var counts: [STUNMethod: Int] = [:]
    /// Data through channels and in indications, in either direction.
    public private(set) var channelFrames = 0
    public private(set) var indications = 0
    private var nonceMadeAt: Instant?
    private var nonceNumber = 0
    private var nextPort: UInt16 = 50_000
    private var outbox: [Datagram] = []

    public init(_ address: SocketAddress, relays: [IPAddress]? = nil) {
        self.address = address
        relayAddresses = relays ?? [address.address]
    }

    private let realm = "example.org"
    public var algorithms: [UInt8] = [0, 2, 0, 0, 0, 1, 0, 0]
    private func nonce(now: Instant) -> String {
        if nonceMadeAt.map({ now - $0 > nonceLifetime }) ?? true {
            nonceMadeAt = now
            nonceNumber += 1
        }
        return (usesSHA256 ? "obMatJos2gAAA" : "nonce-") + "\(nonceNumber)"
    }

    private var key: IntegrityKey {
        .longTerm(
            username: username, realm: realm, password: password, algorithm: usesSHA256 ? .sha256 : .md5,
            authenticator: .openSSL)
    }

    public func receive(_ datagram: Datagram, now: Instant) {
        guard !isDead else { return }
        allocations.removeAll { $0.expiresAt <= now }
        if datagram.destination == address {
            receiveFromClient(datagram, now: now)
        } else {
            receiveFromPeer(datagram, now: now)
        }
    }

    private func receiveFromPeer(_ datagram: Datagram, now: Instant) {
        guard let allocation = allocations.first(where: { $0.relayed.contains(datagram.destination) }),
            let until = allocation.permissions[datagram.source.address], until > now
        else { return }
        if let channel = allocation.channels.first(where: { $0.value == datagram.source }) {
            channelFrames += 1
            let header = [UInt8(channel.key >> 8), UInt8(channel.key & 255)]
            let length = [UInt8(datagram.bytes.count >> 8), UInt8(datagram.bytes.count & 255)]
            send(header + length + datagram.bytes, to: allocation.client)
        } else {
            indications += 1
            let bytes = [UInt8].written { writer in
                let message = STUNMessageWriter(
                    MessageType(.data, .indication), TransactionID(high: 1, low: 1), into: &writer)
                message.write(.xorPeerAddress, xor: datagram.source, into: &writer)
                message.write(.data, datagram.bytes.span, into: &writer)
            }
            send(bytes!, to: allocation.client)
        }
    }

    private func receiveFromClient(_ datagram: Datagram, now: Instant) {
        let client = datagram.source
        let index = allocations.firstIndex { $0.client == client }
        if let first = datagram.bytes.first, (64...79).contains(first) {
            guard let index, datagram.bytes.count >= 4 else { return }
            let number = UInt16(datagram.bytes[0]) << 8 | UInt16(datagram.bytes[1])
            let length = Int(datagram.bytes[2]) << 8 | Int(datagram.bytes[3])
            guard let peer = allocations[index].channels[number], datagram.bytes.count >= 4 + length else { return }
            channelFrames += 1
            relay(Array(datagram.bytes[4..<4 + length]), of: index, to: peer, now: now)
            return
        }
        guard let message = try? STUNMessage(datagram.bytes.span) else { return }
        counts[message.type.method, default: 0] += 1
        if message.type == MessageType(.send, .indication) {
            guard let index, let peer = message.xorAddress(of: .xorPeerAddress) else { return }
            indications += 1
            relay(message.copyBytes(of: .data), of: index, to: peer, now: now)
            return
        }
        guard message.type.messageClass == .request else { return }
        let (id, method) = (message.transactionID, message.type.method)
        if method == .binding {
            return respond(id, method, to: client) { $0.write(.xorMappedAddress, xor: client, into: &$1) }
        }
        switch message.integrity(key: key, using: .openSSL) {
        case .missing: return challenge(id, method, .unauthenticated, to: client, now: now)
        case .invalid:
            return challenge(id, method, .unauthenticated, to: client, now: now)
        case .valid: break
        }
        guard message.text(of: .nonce) == nonce(now: now) else {
            return challenge(id, method, .staleNonce, to: client, now: now)
        }
        if method != .allocate, let index, message.text(of: .username) != allocations[index].username {
            return respond(id, method, error: .wrongCredentials, to: client)
        }
        switch method {
        case .allocate:
            if let alternate {
                return respond(id, method, error: .tryAlternate, to: client) {
                    $0.write(.alternateServer, plain: alternate, into: &$1)
                }
            }
            if let index, allocations[index].transaction != id {
                return respond(id, method, error: .allocationMismatch, to: client)
            }
            let wantsBoth = message.has(.additionalAddressFamily)
            let families = relayAddresses.filter { $0.isIPv4 || wantsBoth }
            let relayed = families.map { SocketAddress(address: $0, port: nextPort) }
            nextPort += 1
            allocations.removeAll { $0.client == client }
            allocations.append(
                Allocation(
                    client: client, username: username, transaction: id, relayed: relayed,
                    expiresAt: now + .seconds(Int64(grantedLifetime))))
            respond(id, method, to: client) { [self] message, writer in
                for address in relayed { message.write(.xorRelayedAddress, xor: address, into: &writer) }
                message.write(.xorMappedAddress, xor: client, into: &writer)
                message.write(.lifetime, grantedLifetime, into: &writer)
            }
        case .refresh:
            guard let index else { return respond(id, method, error: .allocationMismatch, to: client) }
            let lifetime = min(message.uint32(of: .lifetime) ?? 600, grantedLifetime)
            if lifetime == 0 {
                allocations.remove(at: index)
            } else {
                allocations[index].expiresAt = now + .seconds(Int64(lifetime))
            }
            respond(id, method, to: client) { $0.write(.lifetime, lifetime, into: &$1) }
        case .createPermission:
            guard let index else { return respond(id, method, error: .allocationMismatch, to: client) }
            for peer in message.xorAddresses(of: .xorPeerAddress) {
                guard !peer.address.isLoopback else { return respond(id, method, error: .forbidden, to: client) }
                allocations[index].permissions[peer.address] = now + .seconds(300)
            }
            respond(id, method, to: client)
        case .channelBind:
            guard let index, let peer = message.xorAddress(of: .xorPeerAddress),
                let number = message.uint32(of: .channelNumber)
            else { return respond(id, method, error: .badRequest, to: client) }
            allocations[index].channels[UInt16(number >> 16)] = peer
            allocations[index].permissions[peer.address] = now + .seconds(300)
            respond(id, method, to: client)
        default: respond(id, method, error: .badRequest, to: client)
        }
    }

    private func relay(_ bytes: [UInt8], of index: Int, to peer: SocketAddress, now: Instant) {
        guard let until = allocations[index].permissions[peer.address], until > now,
            let source = allocations[index].relayed.first(where: { $0.address.isIPv4 == peer.address.isIPv4 })
        else { return }
        outbox.append(Datagram(source: source, destination: peer, bytes: bytes))
    }

    private func challenge(
        _ id: TransactionID, _ method: STUNMethod, _ code: ErrorCode, to client: SocketAddress, now: Instant
    ) {
        let nonce = nonce(now: now)
        let (realm, algorithms, usesSHA256) = (realm, algorithms, usesSHA256)
        respond(id, method, error: code, isSigned: false, to: client) { message, writer in
            message.write(.realm, utf8: realm, into: &writer)
            message.write(.nonce, utf8: nonce, into: &writer)
            if usesSHA256 { message.write(.passwordAlgorithms, algorithms.span, into: &writer) }
        }
    }

    private func respond(
        _ id: TransactionID, _ method: STUNMethod, error: ErrorCode? = nil, isSigned: Bool = true,
        to client: SocketAddress, _ body: (STUNMessageWriter, inout ByteWriter) -> Void = { _, _ in }
    ) {
        let key = key
        let bytes = [UInt8].written { writer in
            let message = STUNMessageWriter(
                MessageType(method, error == nil ? .successResponse : .errorResponse), id, into: &writer)
            if let error { message.writeErrorCode(error, into: &writer) }
            body(message, &writer)
            if isSigned, usesSHA256 {
                message.writeMessageIntegritySHA256(key: key, using: .openSSL, into: &writer)
            } else if isSigned {
                message.writeMessageIntegrity(key: key, using: .openSSL, into: &writer)
            }
        }
        send(bytes!, to: client)
    }

    private func send(_ bytes: [UInt8], to client: SocketAddress) {
        outbox.append(Datagram(source: address, destination: client, bytes: bytes))
    }

    public func handleTimeout(now: Instant) {}
    public func pollTransmit(now: Instant) -> Datagram? { outbox.isEmpty ? nil : outbox.removeFirst() }
    public var nextTimeout: Wake? { nil }
}
