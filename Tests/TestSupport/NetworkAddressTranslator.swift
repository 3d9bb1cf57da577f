import Primitives

/// How a NAT maps and filters (RFC 4787 sections 4 and 5; the older names of RFC 3489 in the cases).
public enum NATKind: String, Sendable, CaseIterable {
    /// Endpoint-independent mapping, endpoint-independent filtering.
    case fullCone
    /// Endpoint-independent mapping, address-dependent filtering.
    case addressRestricted
    /// Endpoint-independent mapping, address and port-dependent filtering.
    case portRestricted
    /// Address and port-dependent mapping and filtering.
    case symmetric
}

/// One NAT with one public IPv4 address and no hairpinning.
struct NetworkAddressTranslator {
    let kind: NATKind
    let publicAddress: IPAddress
    /// A mapping unused for this long is gone (RFC 4787: at least two minutes).
    var mappingLifetime: Duration
    private var mappings: [Mapping]
    private var nextPort: UInt16

    private struct Mapping {
        var inner: SocketAddress
        /// Only for symmetric NATs: whom it was made for.
        var destination: SocketAddress?
        var port: UInt16
        var contacted: Set<SocketAddress>
        var lastUsed: Instant
    }

    init(kind: NATKind, publicAddress: IPAddress, mappingLifetime: Duration = .seconds(120)) {
        self.kind = kind
        self.publicAddress = publicAddress
        self.mappingLifetime = mappingLifetime
        mappings = []
        nextPort = 40_000
    }

    /// The public source of a datagram that goes out.
    mutating func translateOutgoing(_ inner: SocketAddress, to destination: SocketAddress, now: Instant)
        -> SocketAddress
    {
        mappings.removeAll { now - $0.lastUsed > mappingLifetime }
        let key = kind == .symmetric ? destination : nil
        if let index = mappings.firstIndex(where: { $0.inner == inner && $0.destination == key }) {
            mappings[index].contacted.insert(destination)
            mappings[index].lastUsed = now
            return SocketAddress(address: publicAddress, port: mappings[index].port)
        }
        let port = nextPort
        nextPort += 1
        mappings.append(
            Mapping(inner: inner, destination: key, port: port, contacted: [destination], lastUsed: now))
        return SocketAddress(address: publicAddress, port: port)
    }

    /// The inner destination of a datagram that comes in; nil when the NAT does not let it through.
    func translateIncoming(_ port: UInt16, from source: SocketAddress, now: Instant) -> SocketAddress? {
        guard let mapping = mappings.first(where: { $0.port == port && now - $0.lastUsed <= mappingLifetime }) else {
            return nil
        }
        let passes =
            switch kind {
            case .fullCone: true
            case .addressRestricted: mapping.contacted.contains { $0.address == source.address }
            case .portRestricted, .symmetric: mapping.contacted.contains(source)
            }
        return passes ? mapping.inner : nil
    }

    /// The NAT restarts: every mapping is gone, and ports are others afterwards.
    mutating func forgetMappings() {
        mappings.removeAll()
        nextPort += 1000
    }
}
