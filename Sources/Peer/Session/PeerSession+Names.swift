import ICE
public import Primitives

/// Candidates whose address is hidden behind a `.local` name (RFC 6762), and the resolver that asks for them.
struct NameResolution: Sendable {
    /// Names that stay known for a restart, which brings them again.
    static let maximumKnown = 32
    static let maximumWanted = 128

    var resolver: MDNSResolver
    var wanted: [(name: String, candidate: Candidate)]
    var known: [(name: String, address: IPAddress)]
    /// What the driver knows: it begins with sockets, to hear what a browser announces before its offer arrives.
    var wantsSockets: Bool

    init() {
        resolver = MDNSResolver(bases: [])
        wanted = []
        known = []
        wantsSockets = true
    }
}

extension PeerSession {
    /// The local addresses of the sockets that the driver has opened, at the beginning and after `nameSocketsNeeded`;
    /// transmits from them are multicast queries.
    public mutating func setNameSockets(_ addresses: [SocketAddress], now: Instant) {
        names.resolver.setBases(addresses)
        settle(now: now)
    }

    /// A datagram that one of these sockets, or a member of the multicast group, received.
    public mutating func handleNameResponse(_ bytes: Span<UInt8>, from source: SocketAddress, now: Instant) {
        names.resolver.handle(bytes, from: source, now: now)
        settle(now: now)
    }

    mutating func resolve(_ name: String, for candidate: Candidate, now: Instant) {
        guard phase != .closed else { return }
        for known in names.known where known.name == name {
            ice.value.addResolvedCandidate(candidate, address: known.address, now: now)
        }
        guard !names.known.contains(where: { $0.name == name }) else { return }
        guard names.wanted.count < NameResolution.maximumWanted else { return journal.drops.add(.tooManyNames) }
        names.wanted.append((name, candidate))
        names.resolver.resolve(name, now: now)
    }

    /// Hands addresses to the candidates that wait for them, and tells the driver when sockets are needed.
    mutating func settleNames(now: Instant) {
        guard phase != .closed else { return }
        while let event = names.resolver.pollEvent() {
            switch event {
            case .resolved(let name, let address):
                if names.known.count == NameResolution.maximumKnown { names.known.removeFirst() }
                names.known.append((name, address))
                for wanted in names.wanted where wanted.name == name {
                    ice.value.addResolvedCandidate(wanted.candidate, address: address, now: now)
                }
            case .unanswered: break
            }
        }
        if !names.resolver.isAsking { names.wanted.removeAll() }
        let wantsSockets = names.resolver.isAsking || phase != .connected
        guard names.wantsSockets != wantsSockets else { return }
        names.wantsSockets = wantsSockets
        journal.events.append(wantsSockets ? .nameSocketsNeeded : .nameSocketsIdle)
    }
}
