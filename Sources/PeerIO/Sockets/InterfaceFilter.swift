public import AgentSettings
import Primitives
public import Reactor

/// Which of the machine's addresses become ICE candidates.
///
/// Loopback and link-local addresses reach no monitor, and the bridges of containers only containers; each would cost the
/// monitor a candidate that fails (RFC 8445 section 5.1.1.1).
public struct InterfaceFilter: Hashable, Sendable {
    /// Names or prefixes ending in `*`. When there are any, no other interface is used; an allowed one is not denied.
    public var allowed: [String]
    /// The same, of those that are not used, besides `containerBridges`.
    public var denied: [String]

    /// What container engines and hypervisors call their bridges.
    public static let containerBridges = [
        "docker*", "br-*", "veth*", "virbr*", "vnet*", "lxc*", "lxd*", "cni*", "podman*", "flannel*", "cali*",
    ]

    /// Without arguments only `containerBridges` are left out.
    public init(allowed: [String] = [], denied: [String] = []) {
        self.allowed = allowed
        self.denied = denied
    }

    /// The usable addresses in their order of preference: IPv6 and IPv4 in turn, each as the kernel lists them, so that a
    /// family without connectivity delays the other by one check at a time (RFC 8421 section 4). A machine without any
    /// other gets its loopback address, so that a browser on the same machine can still see it.
    ///
    /// - Parameter mayBeLoopback: whether that last exception is made.
    public func select(_ addresses: [InterfaceAddress], mayBeLoopback: Bool = true) -> [InterfaceAddress] {
        let usable = addresses.filter { $0.isUp && $0.isRunning && !$0.address.isMulticast && !$0.isLinkLocal }
        let external = usable.filter { !$0.isLoopback && allows($0.name) }
        if external.isEmpty, mayBeLoopback { return usable.filter { $0.isLoopback && $0.address.isIPv4 } }
        return InterfaceFilter.interleaved(external)
    }

    private static func interleaved(_ addresses: [InterfaceAddress]) -> [InterfaceAddress] {
        var (rest, others) = (addresses.filter { !$0.address.isIPv4 }[...], addresses.filter(\.address.isIPv4)[...])
        var ordered: [InterfaceAddress] = []
        while let next = rest.popFirst() {
            ordered.append(next)
            (rest, others) = others.isEmpty ? (rest, others) : (others, rest)
        }
        return ordered + others
    }

    private func allows(_ name: String) -> Bool {
        func matches(_ pattern: String) -> Bool {
            pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
        }
        if allowed.contains(where: matches) { return true }
        return allowed.isEmpty && !(InterfaceFilter.containerBridges + denied).contains(where: matches)
    }
}

extension InterfaceFilter {
    /// As configured.
    public init(_ section: AgentConfiguration.Network) { self.init(allowed: section.allow, denied: section.deny) }
}
