import CLinux
import Glibc
public import Primitives

/// One address of one network interface.
public struct InterfaceAddress: Hashable, Sendable {
    /// The kernel's name, `eth0`.
    public var name: String
    /// The kernel's number of the interface; never 0.
    public var index: UInt32
    /// Without zone; link-local IPv6 addresses are told apart by `index`.
    public var address: IPAddress
    /// Length of the network prefix in bits.
    public var prefixLength: Int
    /// Administratively up.
    public var isUp: Bool
    /// Up, and with a carrier.
    public var isRunning: Bool
    /// The loopback interface's own.
    public var isLoopback: Bool
    /// A tunnel, as a rule.
    public var isPointToPoint: Bool

    /// Of no use beyond the link: 169.254/16 and fe80::/10.
    public var isLinkLocal: Bool { address.isLinkLocal }

    /// For tests; `NetworkInterfaces.addresses` reads the kernel's.
    public init(
        name: String, index: UInt32, address: IPAddress, prefixLength: Int, isUp: Bool, isRunning: Bool,
        isLoopback: Bool, isPointToPoint: Bool
    ) {
        self.name = name
        self.index = index
        self.address = address
        self.prefixLength = prefixLength
        self.isUp = isUp
        self.isRunning = isRunning
        self.isLoopback = isLoopback
        self.isPointToPoint = isPointToPoint
    }
}

/// Reads the machine's addresses.
public enum NetworkInterfaces {
    /// Every IPv4 and IPv6 address of the machine now, in the kernel's order.
    public static func addresses() throws(SystemError) -> [InterfaceAddress] {
        var head: UnsafeMutablePointer<ifaddrs>?
        _ = try Syscall.call { getifaddrs(&head) }.get("getifaddrs")
        defer { freeifaddrs(head) }
        var result: [InterfaceAddress] = []
        var cursor = head
        while let entry = cursor {
            cursor = entry.pointee.ifa_next
            guard let system = entry.pointee.ifa_addr, let address = SocketAddress(UnsafePointer(system)) else {
                continue
            }
            let flags = entry.pointee.ifa_flags
            result.append(
                InterfaceAddress(
                    name: String(cString: entry.pointee.ifa_name),
                    index: if_nametoindex(entry.pointee.ifa_name),
                    address: address.address,
                    prefixLength: entry.pointee.ifa_netmask.flatMap { SocketAddress(UnsafePointer($0)) }
                        .map { prefixLength($0.address) } ?? 0,
                    isUp: flags & clinux_iff_up != 0,
                    isRunning: flags & clinux_iff_running != 0,
                    isLoopback: flags & clinux_iff_loopback != 0,
                    isPointToPoint: flags & clinux_iff_pointopoint != 0))
        }
        return result
    }

    private static func prefixLength(_ mask: IPAddress) -> Int {
        switch mask {
        case .v4(let value): value.nonzeroBitCount
        case .v6(let high, let low): high.nonzeroBitCount + low.nonzeroBitCount
        }
    }
}

/// Tells that links, addresses or routes of the machine have changed (rtnetlink(7)).
///
/// It says that, not what: after a change the owner reads `NetworkInterfaces.addresses()` anew. A burst of changes is
/// best waited out for a moment.
public struct NetworkChangeSource: ~Copyable, Sendable {
    private let socket: FileDescriptor

    /// Subscribes to links, addresses and routes of both families.
    public init() throws(SystemError) {
        let socket = FileDescriptor(
            takingOwnershipOf: try Syscall.socket(AF_NETLINK, clinux_sock_raw, NETLINK_ROUTE).get("netlink socket"))
        let groups = [
            RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
        ]
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = groups.reduce(0) { $0 | 1 << ($1.rawValue - 1) }
        let descriptor = socket.rawValue
        _ = try withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { system in
                Syscall.call { bind(descriptor, system, socklen_t(MemoryLayout<sockaddr_nl>.size)) }
            }
        }.get("bind netlink")
        self.socket = socket
    }

    /// For the event loop.
    public var descriptor: Int32 { socket.rawValue }

    /// Takes all notifications.
    ///
    /// - Returns: whether there was one, or the kernel had to drop some.
    public mutating func drain() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 8) { buffer in
            var changed = false
            while true {
                switch Syscall.receive(socket.rawValue, buffer) {
                case .success(0): return changed
                case .success: changed = true
                // ENOBUFS: notifications were lost, so something did change.
                case .failure(ENOBUFS): changed = true
                case .failure: return changed
                }
            }
        }
    }
}
