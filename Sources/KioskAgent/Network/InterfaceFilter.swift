import Primitives
public import Reactor

/// Which of the machine's addresses become ICE candidates.
///
/// Loopback and link-local addresses reach nobody, and the bridges of containers only containers; each would cost the
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

    public init(allowed: [String] = [], denied: [String] = []) {
        self.allowed = allowed
        self.denied = denied
    }

    /// The usable addresses in their order of preference: IPv6 and IPv4 as the kernel lists them. A machine without any
    /// other gets its loopback address, so that a browser on the same machine can still see it.
    ///
    /// - Parameter mayBeLoopback: whether that last exception is made.
    public func select(_ addresses: [InterfaceAddress], mayBeLoopback: Bool = true) -> [InterfaceAddress] {
        let usable = addresses.filter { $0.isUp && $0.isRunning && !$0.address.isMulticast && !$0.isLinkLocal }
        let external = usable.filter { !$0.isLoopback && allows($0.name) }
        return external.isEmpty && mayBeLoopback ? usable.filter { $0.isLoopback && $0.address.isIPv4 } : external
    }

    private func allows(_ name: String) -> Bool {
        func matches(_ pattern: String) -> Bool {
            pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
        }
        if allowed.contains(where: matches) { return true }
        return allowed.isEmpty && !(InterfaceFilter.containerBridges + denied).contains(where: matches)
    }
}
