import Primitives
import STUN

/// What a STUN or TURN server sees a socket of ours as.
struct MappedAddress: Hashable, Sendable {
    let base: SocketAddress
    let server: SocketAddress
    let mapped: SocketAddress
}

/// Our own addresses and the candidates that they make (RFC 8445 section 5.1.1): sockets, what STUN servers see them as,
/// and what TURN servers give.
///
/// Nothing waits for a server: host candidates are out before the first question, each answer makes a candidate when it
/// comes, and a server without an answer only delays the end of gathering. A restart announces again what is known.
struct Gathering: Sendable {
    /// One question "what is my address?" to one STUN server from one base (RFC 8445 section 5.1.1.2).
    private struct Question: Sendable {
        let base: SocketAddress
        let server: SocketAddress
        let id: TransactionID
        var transmissions: Int
        var nextAt: Instant
        /// A server that has not answered by then is given up.
        let endsAt: Instant
    }

    private struct Reflexive: Sendable {
        let address: MappedAddress
        /// When the NAT's binding is refreshed, while it may still be needed (RFC 8445 section 5.1.1.4).
        var keepaliveAt: Instant
    }

    /// What the response of a server has brought.
    enum Answer: Equatable, Sendable {
        case candidate(Candidate)
        case nothingNew
        case dropped(ICEDrop)
    }

    /// A base leaves room below its preference for several candidates of a type, of different servers and families: each has
    /// a priority of its own (RFC 8445 section 5.1.2).
    private static let preferencesPerBase: UInt16 = 32
    private static let maximumServers = 8

    private let configuration: ICEConfiguration
    /// Of the present generation: each candidate says it.
    private var usernameFragment: String
    /// Sockets, in the order in which they were added, and relayed addresses.
    private(set) var bases: [LocalEndpoint]
    /// All candidates of this generation so far, for a description.
    private(set) var candidates: [Candidate]
    private var isEveryAddressKnown: Bool
    /// No further candidate comes in this generation.
    private(set) var isComplete: Bool
    private var servers: [SocketAddress]
    private var questions: [Question]
    private var reflexive: [Reflexive]

    init(configuration: ICEConfiguration, usernameFragment: String) {
        self.configuration = configuration
        self.usernameFragment = usernameFragment
        bases = []
        candidates = []
        isEveryAddressKnown = false
        isComplete = false
        servers = []
        questions = []
        reflexive = []
    }

    func endpoint(of base: SocketAddress) -> LocalEndpoint? { bases.first { $0.base == base } }
    func isBase(_ address: SocketAddress) -> Bool { bases.contains { $0.base == address } }
    /// Whether a socket of ours may reach the address without a relay.
    func mayReachDirectly(_ address: IPAddress) -> Bool { bases.contains { $0.type == .host && $0.mayReach(address) } }

    // MARK: Addresses

    /// A socket's address is a host candidate. The order of adding is the local preference, so the driver interleaves the
    /// families (RFC 8421 section 4). Nil when it is known.
    mutating func addSocket(
        _ base: SocketAddress, random: inout RandomSource, now: Instant
    ) -> (endpoint: LocalEndpoint, candidate: Candidate)? {
        guard !isBase(base) else { return nil }
        let endpoint = LocalEndpoint(
            base: base, type: .host, localPreference: freeLocalPreference,
            foundation: Foundation.of(type: .host, base: base.address, server: nil), relatedAddress: nil)
        bases.append(endpoint)
        for server in servers { ask(server, from: base, random: &random, now: now) }
        return (endpoint, announce(endpoint))
    }

    /// The highest local preference that no socket has. That of a removed socket is free again: addresses may come and go
    /// for days.
    private var freeLocalPreference: UInt16 {
        // Below are the relays behind streams.
        let lowest: UInt16 = 2048
        var preference = UInt16.max
        while preference > lowest + Gathering.preferencesPerBase,
            bases.contains(where: { $0.type == .host && $0.localPreference == preference })
        {
            preference -= Gathering.preferencesPerBase
        }
        return preference
    }

    /// An address that a TURN server has given.
    mutating func addRelayed(_ endpoint: LocalEndpoint) -> Candidate {
        bases.append(endpoint)
        return announce(endpoint)
    }

    /// The same mapped address from two servers is one candidate; nil when it is known or says nothing new.
    mutating func addReflexive(_ address: MappedAddress) -> Candidate? {
        let known = candidates.filter { $0.type == .serverReflexive && $0.relatedAddress == .ip(address.base) }
        // Behind a symmetric NAT each server sees another mapped address.
        guard !known.contains(where: { $0.address == .ip(address.mapped) }), !isBase(address.mapped),
            known.count < Int(Gathering.preferencesPerBase), let endpoint = endpoint(of: address.base)
        else { return nil }
        let localPreference = endpoint.localPreference - UInt16(known.count)
        let candidate = Candidate(
            foundation: Foundation.of(
                type: .serverReflexive, base: address.base.address, server: address.server.address),
            priority: Candidate.priority(type: .serverReflexive, localPreference: localPreference),
            address: .ip(address.mapped), type: .serverReflexive, relatedAddress: .ip(address.base),
            usernameFragment: usernameFragment)
        candidates.append(candidate)
        return candidate
    }

    private mutating func announce(_ endpoint: LocalEndpoint) -> Candidate {
        let candidate = Candidate(
            foundation: endpoint.foundation, priority: endpoint.priority, address: .ip(endpoint.base),
            type: endpoint.type, relatedAddress: endpoint.relatedAddress.map { .ip($0) },
            usernameFragment: usernameFragment)
        candidates.append(candidate)
        return candidate
    }

    /// The socket, or the relay's allocation, is gone.
    mutating func remove(_ base: SocketAddress) {
        bases.removeAll { $0.base == base }
        candidates.removeAll { $0.address == .ip(base) || $0.relatedAddress == .ip(base) }
        questions.removeAll { $0.base == base }
        reflexive.removeAll { $0.address.base == base }
    }

    /// All sockets have been added.
    mutating func finishAddresses() { isEveryAddressKnown = true }

    /// A TURN server has been asked: something may come again.
    mutating func reopen() { isComplete = false }

    /// Whether gathering is complete unless a TURN server is waited for, and has not been called so.
    var mayComplete: Bool { isEveryAddressKnown && !isComplete && questions.isEmpty }
    mutating func complete() { isComplete = true }

    /// Announces for a new generation what servers have said before: it holds until they say something else.
    mutating func restart(usernameFragment: String, relays: [MappedAddress]) -> [Candidate] {
        self.usernameFragment = usernameFragment
        candidates.removeAll()
        isComplete = false
        for endpoint in bases { _ = announce(endpoint) }
        for known in reflexive { _ = addReflexive(known.address) }
        for address in relays { _ = addReflexive(address) }
        return candidates
    }

    /// Nothing is asked any more.
    mutating func close() {
        questions.removeAll()
        reflexive.removeAll()
    }

    // MARK: STUN servers

    /// A STUN server, resolved. Every base of its family asks it, those that come later too.
    mutating func addServer(_ server: SocketAddress, random: inout RandomSource, now: Instant) {
        guard !servers.contains(server), servers.count < Gathering.maximumServers else { return }
        servers.append(server)
        for endpoint in bases { ask(server, from: endpoint.base, random: &random, now: now) }
    }

    /// Asks every server again.
    mutating func askServers(random: inout RandomSource, now: Instant) {
        for server in servers {
            for endpoint in bases { ask(server, from: endpoint.base, random: &random, now: now) }
        }
    }

    private mutating func ask(
        _ server: SocketAddress, from base: SocketAddress, random: inout RandomSource, now: Instant
    ) {
        guard base.address.isIPv4 == server.address.isIPv4, !base.address.isLinkLocal,
            base.address.isLoopback == server.address.isLoopback,
            !questions.contains(where: { $0.base == base && $0.server == server })
        else { return }
        isComplete = false
        questions.append(
            Question(
                base: base, server: server, id: .random(using: &random), transmissions: 0, nextAt: now,
                endsAt: now + configuration.gatheringTimeout))
    }

    /// - Parameter keepsAlive: Whether bindings at NATs are still needed: until a pair is nominated; after that checks and
    ///   media keep the one in use.
    mutating func pollTransmit(
        into packet: inout PacketBuffer, pacing: inout StartPacing, keepsAlive: Bool, random: inout RandomSource,
        now: Instant
    ) -> Transmit? {
        for index in questions.indices where questions[index].nextAt <= now {
            if questions[index].transmissions == 0 {
                guard pacing.isOpen(now: now) else { continue }
                pacing.start(now: now)
            }
            questions[index].nextAt = now + configuration.minimumRTO * (1 << min(questions[index].transmissions, 6))
            questions[index].transmissions += 1
            let id = questions[index].id
            packet.write { writer in
                let message = STUNMessageWriter(.bindingRequest, id, into: &writer)
                message.writeFingerprint(into: &writer)
            }
            return Transmit(source: questions[index].base, destination: questions[index].server)
        }
        guard keepsAlive else { return nil }
        for index in reflexive.indices where reflexive[index].keepaliveAt <= now {
            reflexive[index].keepaliveAt = now + configuration.keepaliveInterval
            let id = TransactionID.random(using: &random)
            packet.write { writer in
                let message = STUNMessageWriter(.bindingIndication, id, into: &writer)
                message.writeFingerprint(into: &writer)
            }
            return Transmit(source: reflexive[index].address.base, destination: reflexive[index].address.server)
        }
        return nil
    }

    /// A response; nil when it is no answer to a question of ours.
    mutating func handleResponse(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) -> Answer? {
        guard let index = questions.firstIndex(where: { $0.id == message.transactionID }) else { return nil }
        guard questions[index].server == remote, questions[index].base == local else {
            return .dropped(.responseAsymmetric)
        }
        questions.remove(at: index)
        guard message.type.messageClass == .successResponse else { return .nothingNew }
        // Old servers know MAPPED-ADDRESS only (RFC 8489 section 11).
        let xored = message.xorAddress(of: .xorMappedAddress)
        guard let mapped = xored ?? message.address(of: .mappedAddress) else {
            return .dropped(.mappedAddressMissing)
        }
        let address = MappedAddress(base: local, server: remote, mapped: mapped)
        reflexive.removeAll { $0.address.base == local && $0.address.server == remote }
        // No NAT: the address is that of the host candidate (RFC 8445 section 5.1.3).
        guard mapped != local, !mapped.address.isUnspecified, mapped.port != 0 else { return .nothingNew }
        reflexive.append(Reflexive(address: address, keepaliveAt: now + configuration.keepaliveInterval))
        return addReflexive(address).map { .candidate($0) } ?? .nothingNew
    }

    // MARK: Time

    /// Gives up the servers that have not answered in time.
    mutating func handleTimeout(now: Instant) { questions.removeAll { $0.endsAt <= now } }

    func nextTimeout(pacing: StartPacing, keepsAlive: Bool) -> Wake? {
        var earliest: Instant?
        func consider(_ at: Instant) { earliest = min(earliest ?? at, at) }
        for question in questions {
            let nextAt = question.transmissions == 0 ? max(question.nextAt, pacing.nextAt) : question.nextAt
            consider(min(nextAt, question.endsAt))
        }
        if keepsAlive { for known in reflexive { consider(known.keepaliveAt) } }
        return earliest.map { Wake(at: $0, reason: .iceGathering) }
    }

    // MARK: What a pair's local end is

    /// The type of the candidate that the peer sees. The mapped address tells a reflexive one from the base it hides
    /// behind.
    func localType(of pair: CandidatePair) -> CandidateType {
        guard pair.local.type == .host, let mapped = pair.mappedAddress, mapped != pair.local.base else {
            return pair.local.type
        }
        let isKnown = candidates.contains { $0.type == .serverReflexive && $0.address == .ip(mapped) }
        return isKnown ? .serverReflexive : .peerReflexive
    }

    /// The STUN server that has shown this address, where one has.
    func server(of mapped: SocketAddress, base: SocketAddress) -> SocketAddress? {
        reflexive.first { $0.address.base == base && $0.address.mapped == mapped }?.address.server
    }
}
