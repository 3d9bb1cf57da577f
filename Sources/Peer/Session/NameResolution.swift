import ICE
import Primitives

/// Candidates whose address is hidden behind a `.local` name (RFC 6762), and the resolver that asks for them.
struct NameResolution: Sendable {
    /// Names that stay known for a restart, which brings them again.
    private static let maximumKnown = 32
    private static let maximumWanted = 128

    /// What becomes of a candidate whose address is a name.
    enum Lookup: Hashable, Sendable {
        /// The name's addresses, which are known already.
        case known([IPAddress])
        /// `pollAddress` has it when the answer comes.
        case asked
        /// More names than anybody has.
        case refused
    }

    private var resolver: MDNSResolver
    private var wanted: [(name: String, candidate: Candidate)]
    private var known: [(name: String, address: IPAddress)]
    /// What the driver knows: it begins with sockets, to hear what a browser announces before its offer arrives.
    private var wantsSockets: Bool

    init() {
        resolver = MDNSResolver(bases: [])
        wanted = []
        known = []
        wantsSockets = true
    }

    /// What was dropped of the answers.
    var drops: Counter<MDNSDrop> { resolver.drops }

    // MARK: Names

    mutating func lookUp(_ name: String, for candidate: Candidate, now: Instant) -> Lookup {
        let addresses = known.filter { $0.name == name }.map(\.address)
        guard addresses.isEmpty else { return .known(addresses) }
        guard wanted.count < NameResolution.maximumWanted else { return .refused }
        wanted.append((name, candidate))
        resolver.resolve(name, now: now)
        return .asked
    }

    /// The next address that was found, and the candidates that wait for it; nil when there is none.
    mutating func pollAddress() -> (address: IPAddress, candidates: [Candidate])? {
        while let event = resolver.pollEvent() {
            switch event {
            case .resolved(let name, let address):
                if known.count == NameResolution.maximumKnown { known.removeFirst() }
                known.append((name, address))
                return (address, wanted.filter { $0.name == name }.map(\.candidate))
            case .unanswered: break
            }
        }
        if !resolver.isAsking { wanted.removeAll() }
        return nil
    }

    // MARK: Sockets

    mutating func setBases(_ addresses: [SocketAddress]) { resolver.setBases(addresses) }

    /// Whether the driver is to have sockets from now on; nil when that has not changed.
    ///
    /// - Parameter isConnected: until it is, names may come at any time.
    mutating func socketsChange(isConnected: Bool) -> Bool? {
        let wantsSockets = resolver.isAsking || !isConnected
        guard self.wantsSockets != wantsSockets else { return nil }
        self.wantsSockets = wantsSockets
        return wantsSockets
    }

    mutating func handle(_ bytes: Span<UInt8>, from source: SocketAddress, now: Instant) {
        resolver.handle(bytes, from: source, now: now)
    }

    mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        resolver.pollTransmit(into: &packet, now: now)
    }

    // MARK: Time

    mutating func handleTimeout(now: Instant) { resolver.handleTimeout(now: now) }

    var nextTimeout: Wake? { resolver.nextTimeout }
}
