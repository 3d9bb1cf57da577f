public import Primitives
public import STUN

/// One TURN allocation (RFC 8656): a public address on a server that hands on datagrams between us and our peers.
///
/// It is what remains when no two addresses reach each other. The client asks for an allocation, learns the realm
/// and nonce by being refused, and asks again with its credentials:
///
///     idle ─start─▶ allocating ─401─▶ allocating ─success─▶ allocated ─close─▶ closed
///                       │ 300: the same at another server       │ refresh refused
///                       └──────────▶ failed ◀───────────────────┘
///
/// The allocation is refreshed a minute before it ends (or at half its lifetime, when that is short). Any request may meet
/// a stale nonce (438) and is then sent again with the fresh one. Both families are asked for at once
/// (ADDITIONAL-ADDRESS-FAMILY); a server that refuses (440) is asked for IPv4 alone, and then for IPv6 alone.
///
/// The client consists of its requests, how they are signed, and the peers that it lets in:
///
///     TURNRequests ──▶ due, answered, expired ──▶ TURNClient ──▶ permissions, channels ──▶ TURNPeers
///                                                   │    ▲
///                                                   ▼    │ realm, nonce
///                                             TURNAuthentication
///
/// Data goes as Send indications until a channel is bound, with 36 or 48 bytes of overhead, and in a channel with
/// four. The driver owns the socket: over UDP each transmit is a datagram; over TCP and TLS it is a frame of the
/// stream, and `TURNStreamReader` cuts what comes back.
public struct TURNClient: Sendable {
    private enum Phase: Sendable { case idle, allocating, allocated, failed, closed }

    /// Of which families the relayed addresses are to be.
    private enum RelayedFamilies: Sendable {
        case both, ipv4, ipv6

        /// What is asked for when the server has not all of these.
        var fewer: RelayedFamilies? {
            switch self {
            case .both: .ipv4
            case .ipv4: .ipv6
            case .ipv6: nil
            }
        }
    }

    private static let maximumRedirections = 4
    private static let maximumRefusals = 4

    /// The transport address that requests go to; over UDP a 300 response (RFC 8489 section 10) replaces it.
    public private(set) var server: SocketAddress
    /// How the server is reached; the allocation itself is always for UDP.
    public let transport: TransportProtocol
    /// The local address whose socket speaks to the server.
    public let base: SocketAddress
    private var random: RandomSource
    private var phase: Phase
    private var families: RelayedFamilies
    /// The servers that were asked, in order.
    private var asked: [SocketAddress]
    private var authentication: TURNAuthentication
    private var requests: TURNRequests
    private var peers: TURNPeers
    /// The relayed transport addresses.
    public private(set) var relayed: [SocketAddress]
    /// What the server sees `base` as (XOR-MAPPED-ADDRESS of the Allocate response): a server-reflexive address; nil before
    /// the allocation, and when the response had none.
    public private(set) var mapped: SocketAddress?
    private var refreshAt: Instant?
    /// When the server forgets the allocation, unless it is refreshed; kept after the end, for an agent that wants another.
    public private(set) var expiresAt: Instant?
    /// The server refuses to refresh, so that it ends with its lifetime.
    private var isRunningOut: Bool
    /// When the NAT before us is told that the way to the server is still in use.
    private var keepaliveAt: Instant
    private var events: RingBuffer<TURNEvent>
    /// Messages from the server and datagrams for peers that were dropped, by reason.
    public private(set) var drops: Counter<TURNDrop>

    /// A client that has not asked for anything yet.
    ///
    /// - Parameters:
    ///   - base: The local address of the socket or stream that leads to the server.
    ///   - minimumRTO: The first retransmission timeout of a request over UDP (RFC 8489 section 6.2.1).
    ///   - authenticator: The hash functions that STUN needs, from the target that has cryptography.
    ///   - random: Of transaction identifiers and of the first channel number.
    public init(
        server: TURNServer, base: SocketAddress, minimumRTO: Duration = .milliseconds(500),
        authenticator: MessageAuthenticator, random: RandomSource
    ) {
        var random = random
        self.server = server.address
        transport = server.transport
        self.base = base
        phase = .idle
        families = .both
        asked = [server.address]
        authentication = TURNAuthentication(server.credentials, authenticator: authenticator)
        requests = TURNRequests(minimumRTO: minimumRTO, isStream: server.transport != .udp)
        peers = TURNPeers(random: &random)
        relayed = []
        mapped = nil
        refreshAt = nil
        expiresAt = nil
        isRunningOut = false
        keepaliveAt = .distantFuture
        events = RingBuffer(capacity: 4)
        drops = Counter()
        self.random = random
    }

    /// Whether the server holds an allocation that has neither failed nor been closed.
    public var isAllocated: Bool { phase == .allocated }
    /// Whether an answer to the question for an allocation is still open.
    public var isAllocating: Bool { phase == .idle || phase == .allocating }

    /// The first question has not been sent yet. Over a stream there is nothing to wait for.
    var isAboutToStart: Bool {
        phase == .allocating && transport == .udp && !authentication.isChallenged && asked.count == 1
            && requests.hasUnsent
    }

    /// The oldest event that was not taken yet; nil when there is none.
    public mutating func pollEvent() -> TURNEvent? { events.popFirst() }

    /// Asks for an allocation (RFC 8656 section 7.1); the event `allocated` or `failed` follows. A second call does nothing.
    public mutating func start(now: Instant) {
        guard phase == .idle else { return }
        phase = .allocating
        submit(.allocate, now: now)
    }

    /// Gives the allocation back: one Refresh with lifetime 0, whose response is not waited for.
    public mutating func close(now: Instant) {
        let wasAllocated = phase == .allocated
        end(.closed)
        if wasAllocated { submit(.deallocate, now: now) }
    }

    private mutating func fail(_ failure: TURNFailure) {
        guard phase != .failed, phase != .closed else { return }
        end(.failed)
        events.append(.failed(failure))
    }

    private mutating func end(_ last: Phase) {
        phase = last
        requests.endAll()
        peers.removeAll()
        refreshAt = nil
        isRunningOut = false
    }

    /// Credentials that signaling has renewed. A server keeps an allocation to the name that made it (441), so the
    /// old ones go on as long as they are taken.
    public mutating func replaceCredentials(_ new: TURNCredentials) {
        authentication.renew(new, isInUse: phase == .allocated)
    }

    private mutating func submit(_ kind: TURNRequest.Kind, refusals: Int = 0, now: Instant) {
        requests.submit(
            kind, refusals: refusals, isAuthenticated: authentication.isChallenged, random: &random, now: now)
    }

    // MARK: Peers

    /// Lets datagrams from this address in. The event `permissionGranted` or `permissionDenied` follows.
    public mutating func permit(_ peer: IPAddress, now: Instant) {
        guard phase == .allocated, relayed.contains(where: { $0.address.isIPv4 == peer.isIPv4 }) else { return }
        switch peers.permit(peer) {
        case .granted: events.append(.permissionGranted(peer))
        case .asked: break
        case .new: submit(.createPermission([peer]), now: now)
        case .tooMany: events.append(.permissionDenied(peer))
        }
    }

    /// Whether there is room for the address, or it is known.
    func mayPermit(_ peer: IPAddress) -> Bool { peers.hasRoom(for: peer) }

    /// Whether the server has granted a permission for the address (RFC 8656 section 9): only then does `frame` take
    /// datagrams.
    public func isPermitted(_ peer: IPAddress) -> Bool { peers.isPermitted(peer) }

    /// Lets the permissions of all other addresses end: they are not refreshed any more.
    mutating func retainPermissions(of addresses: Set<IPAddress>) { peers.retain(addresses) }

    /// Binds a channel for the peer that carries media.
    public mutating func bindChannel(to peer: SocketAddress, now: Instant) {
        guard phase == .allocated, let number = peers.openChannel(to: peer) else { return }
        submit(.channelBind(number, peer), now: now)
    }

    private mutating func deny(_ addresses: [IPAddress]) {
        for address in addresses {
            peers.deny(address)
            events.append(.permissionDenied(address))
        }
    }

    // MARK: Data

    /// Puts TURN's header before what is in `packet`, which goes to `server` from `base` then. False, and nothing
    /// changed, when it does not fit or the peer has no permission: the caller drops it.
    public mutating func frame(_ packet: inout PacketBuffer, to peer: SocketAddress) -> Bool {
        guard phase == .allocated, isPermitted(peer.address) else {
            drops.add(.noPermission)
            return false
        }
        let size = packet.count
        let padding = (size + 3) & ~3 - size
        if let channel = peers.channel(to: peer) {
            // Over a stream "the message MUST be padded to a multiple of four bytes" (section 12.5).
            guard packet.prepend(4, appending: transport == .udp ? 0 : padding) else { return false }
            var writer = ByteWriter(packet.mutableBytes)
            writer.write(channel)
            writer.write(UInt16(truncatingIfNeeded: size))
            return true
        }
        let header = 20 + (peer.address.isIPv4 ? 12 : 24) + 4
        guard packet.prepend(header, appending: padding) else { return false }
        let id = TransactionID.random(using: &random)
        var writer = ByteWriter(packet.mutableBytes)
        let message = STUNMessageWriter(MessageType(.send, .indication), id, into: &writer)
        message.write(.xorPeerAddress, xor: peer, into: &writer)
        message.writeHeader(.data, length: size, into: &writer)
        return true
    }

    // MARK: What comes from the server

    /// A datagram, or one frame of the stream, from the server.
    public mutating func handle(_ bytes: Span<UInt8>, now: Instant) -> TURNInput {
        guard bytes.count >= 4 else {
            drops.add(.malformed)
            return .consumed
        }
        if (64...79).contains(bytes[0]) { return handleChannelData(bytes) }
        do {
            let message = try STUNMessage(bytes)
            switch message.type.messageClass {
            case .indication: return handleIndication(message)
            case .successResponse, .errorResponse: handleResponse(message, now: now)
            case .request: drops.add(.malformed)
            }
        } catch {
            drops.add(.malformed)
        }
        return .consumed
    }

    /// Channel number and length, then data; over UDP padding may follow (RFC 8656 section 12.6).
    private mutating func handleChannelData(_ bytes: Span<UInt8>) -> TURNInput {
        let number = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        let length = Int(bytes[2]) << 8 | Int(bytes[3])
        guard 4 + length <= bytes.count else {
            drops.add(.malformed)
            return .consumed
        }
        guard let peer = peers.peer(ofChannel: number) else {
            drops.add(.channelUnknown)
            return .consumed
        }
        return .data(4..<4 + length, peer: peer)
    }

    private mutating func handleIndication(_ message: borrowing STUNMessage) -> TURNInput {
        // ICMP errors come as Data indications without data (section 11.6); the checks will notice by themselves.
        guard message.type.method == .data, let peer = message.xorAddress(of: .xorPeerAddress),
            let range = message.valueRange(of: .data)
        else {
            drops.add(.indicationIncomplete)
            return .consumed
        }
        guard peers.isKnown(peer.address) else {
            drops.add(.noPermission)
            return .consumed
        }
        return .data(range, peer: peer)
    }

    private mutating func handleResponse(_ message: borrowing STUNMessage, now: Instant) {
        guard let request = requests[message.transactionID] else { return drops.add(.transactionUnknown) }
        guard !request.isAuthenticated || authentication.accepts(message) else { return drops.add(.integrityInvalid) }
        requests.end(request.id)
        if message.type.messageClass == .successResponse {
            handleSuccess(message, to: request, now: now)
        } else {
            handleError(message, to: request, now: now)
        }
    }

    private mutating func handleSuccess(_ message: borrowing STUNMessage, to request: TURNRequest, now: Instant) {
        switch request.kind {
        case .allocate:
            let addresses = message.xorAddresses(of: .xorRelayedAddress)
            guard !addresses.isEmpty else { return fail(.malformedResponse) }
            relayed = addresses
            mapped = message.xorAddress(of: .xorMappedAddress)
            phase = .allocated
            scheduleRefresh(message.uint32(of: .lifetime) ?? 600, now: now)
            events.append(.allocated(relayed: addresses, mapped: mapped))
        case .refresh: scheduleRefresh(message.uint32(of: .lifetime) ?? 600, now: now)
        case .deallocate: break
        case .createPermission(let addresses):
            for address in addresses where peers.grant(address, now: now) { events.append(.permissionGranted(address)) }
        case .channelBind(let number, let peer):
            if peers.bind(number, now: now) { events.append(.channelBound(peer: peer)) }
        }
    }

    /// A minute before the end; a short lifetime at its half; never so soon that refreshing is all we do.
    private mutating func scheduleRefresh(_ lifetime: UInt32, now: Instant) {
        let seconds = Int64(min(lifetime, 3600))
        expiresAt = now + .seconds(seconds)
        refreshAt = now + .seconds(max(seconds > 120 ? seconds - 60 : seconds / 2, 5))
    }

    private mutating func handleError(_ message: borrowing STUNMessage, to request: TURNRequest, now: Instant) {
        guard let code = message.errorCode else { return refuse(request, .serverError, now: now) }
        let mayAskAgain = request.refusals < TURNClient.maximumRefusals
        switch code {
        case .unauthenticated where !request.isAuthenticated, .staleNonce:
            guard mayAskAgain, authentication.takeChallenge(message) else { return fail(.unauthenticated) }
            submit(request.kind, refusals: request.refusals + 1, now: now)
        case .unauthenticated, .wrongCredentials:
            guard mayAskAgain, authentication.adoptReplacement() else { return refuseName(request, now: now) }
            _ = authentication.takeChallenge(message)
            submit(request.kind, refusals: request.refusals + 1, now: now)
        case .tryAlternate where request.kind == .allocate:
            guard let next = message.address(of: .alternateServer) else { return fail(.refused(code)) }
            guard transport == .udp else {
                let domain = message.text(of: .alternateDomain, limit: 255).flatMap { $0.isEmpty ? nil : $0 }
                return fail(.redirected(to: AlternateServer(address: next, domain: domain)))
            }
            guard next.address.isIPv4 == server.address.isIPv4, asked.count < TURNClient.maximumRedirections,
                !asked.contains(next)
            else { return fail(.redirectedTooOften) }
            asked.append(next)
            server = next
            submit(.allocate, now: now)
        case .addressFamilyNotSupported where request.kind == .allocate:
            guard let fewer = families.fewer else { return fail(.refused(code)) }
            families = fewer
            submit(.allocate, refusals: request.refusals, now: now)
        default: refuse(request, code, now: now)
        }
    }

    /// The server accepts neither the old credentials nor newer ones: it keeps an allocation to the username that made it
    /// (441). The allocation serves until its lifetime is over, and only then can the newer username have another one from
    /// the same address.
    private mutating func refuseName(_ request: TURNRequest, now: Instant) {
        switch request.kind {
        case .refresh where expiresAt.map { $0 > now } ?? false: isRunningOut = true
        case .deallocate: break
        case .allocate, .refresh, .createPermission, .channelBind: fail(.unauthenticated)
        }
    }

    private mutating func refuse(_ request: TURNRequest, _ code: ErrorCode, now: Instant) {
        switch request.kind {
        case .allocate, .refresh: fail(.refused(code))
        case .deallocate: break
        case .createPermission(let addresses):
            // One bad address fails them all: ask for each alone.
            if addresses.count > 1 {
                for address in addresses { submit(.createPermission([address]), now: now) }
            } else {
                deny(addresses)
            }
        case .channelBind(let number, _): peers.closeChannel(number)
        }
    }

    // MARK: What goes to the server

    /// Writes the next request that is due into `packet`, replacing what is in it.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard let request = requests.nextDue(now: now) else { return pollKeepalive(into: &packet, now: now) }
        keepaliveAt = now + .seconds(15)
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

    private func write(_ request: TURNRequest, into writer: inout ByteWriter) {
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
        if request.isAuthenticated { authentication.sign(message, into: &writer) }
        message.writeFingerprint(into: &writer)
    }

    // MARK: Time

    /// Ends requests whose last retransmission was not answered, and begins refreshes of the allocation, its permissions and
    /// its channels that are due by `now`. Poll for datagrams and events afterwards.
    public mutating func handleTimeout(now: Instant) {
        while let request = requests.nextExpired(now: now) {
            switch request.kind {
            case .allocate, .refresh: return fail(.timeout)
            case .deallocate: break
            case .createPermission(let addresses): deny(addresses)
            case .channelBind(let number, _): peers.closeChannel(number)
            }
        }
        if isRunningOut, let expiresAt, expiresAt <= now { return fail(.unauthenticated) }
        if let refreshAt, refreshAt <= now {
            self.refreshAt = nil
            submit(.refresh, now: now)
        }
        for kind in peers.takeDue(now: now) { submit(kind, now: now) }
    }

    /// The earliest moment at which `pollTransmit` or `handleTimeout` has something to do; nil when nothing is pending.
    public var nextTimeout: Wake? {
        var wake: Wake?
        func consider(_ at: Instant?, _ reason: WakeReason) {
            if let at { wake = .earliest(wake, Wake(at: at, reason: reason)) }
        }
        consider(requests.nextTimeout, .turnRetransmission)
        if phase == .allocated, transport == .udp { consider(keepaliveAt, .iceKeepalive) }
        if isRunningOut { consider(expiresAt, .turnRefresh) }
        consider(refreshAt, .turnRefresh)
        consider(peers.nextTimeout, .turnRefresh)
        return wake
    }
}
