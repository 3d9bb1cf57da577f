import CLinux
import Glibc
public import Primitives

extension UDPSocket {
    /// What is sent to a group leaves by this interface, and with a hop limit of 255, so that a receiver may tell that it
    /// comes from its own link (RFC 6762 section 11).
    public mutating func sendMulticast(byInterface index: UInt32) throws(SystemError) {
        let isIPv4 = localAddress.address.isIPv4
        let descriptor = descriptor
        _ = try Syscall.call { clinux_multicast_from(descriptor, isIPv4 ? 1 : 0, index) }.get("IP_MULTICAST_IF")
        let (level, name) =
            isIPv4
            ? (IPPROTO_IP.asInt32, IP_MULTICAST_TTL.asInt32) : (IPPROTO_IPV6.asInt32, IPV6_MULTICAST_HOPS.asInt32)
        _ = try Syscall.setOption(descriptor, level, name, 255).get("IP_MULTICAST_TTL")
    }

    /// Takes what arrives for the group on this interface.
    public mutating func join(_ group: IPAddress, onInterface index: UInt32) throws(SystemError) {
        let descriptor = descriptor
        let level = group.isIPv4 ? IPPROTO_IP.asInt32 : IPPROTO_IPV6.asInt32
        _ = try SocketAddress(address: group, port: 0).withSystem { system, size in
            Syscall.call { clinux_join_group(descriptor, level, index, system, size) }
        }.get("join \(group)")
    }
}
