import Primitives
import Reactor

/// On which networks `.local` names are asked for and heard (RFC 6762): per interface and family one socket that asks, on a port of its own,
/// so that unicast answers reach no other program on this machine; and per family one that receives multicast answers.
struct NamePlan: Equatable, Sendable {
    struct Asking: Equatable, Sendable {
        var address: IPAddress
        /// The interface that the question leaves by.
        var interface: UInt32
    }

    struct Listening: Equatable, Sendable {
        var group: IPAddress
        var interfaces: [UInt32]
    }

    static let port: UInt16 = 5353
    static let groups = [IPAddress("224.0.0.251")!, IPAddress("ff02::fb")!]

    private(set) var asking: [Asking] = []
    private(set) var listening: [Listening] = []
    private var networks: [InterfaceAddress] = []

    /// No network.
    init() {}

    /// Tunnels are left out: nobody's browser is at their other end.
    init(_ addresses: [InterfaceAddress]) {
        networks = addresses.filter { !$0.isPointToPoint }
        for network in networks {
            let isKnown = asking.contains {
                $0.interface == network.index && $0.address.isIPv4 == network.address.isIPv4
            }
            if !isKnown { asking.append(Asking(address: network.address, interface: network.index)) }
        }
        listening = NamePlan.groups.compactMap { group in
            let interfaces = asking.filter { $0.address.isIPv4 == group.isIPv4 }.map(\.interface)
            return interfaces.isEmpty ? nil : Listening(group: group, interfaces: interfaces)
        }
    }

    /// `.local` names belong to one link: datagrams from beyond it are ignored (RFC 6762 section 11).
    func isOnLink(_ source: IPAddress) -> Bool {
        source.isLinkLocal || networks.contains { source.isInNetwork(of: $0.address, prefixLength: $0.prefixLength) }
    }
}
