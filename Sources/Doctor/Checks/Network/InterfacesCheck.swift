import JSON
import Primitives
import Reactor

/// The machine's addresses, and where packets to anywhere leave it.
enum InterfacesCheck: Check {
    struct Network: Sendable {
        var address: InterfaceAddress
        /// Bytes of the largest packet; nil where the kernel does not tell.
        var mtu: Int64?
    }

    enum Observation: Sendable {
        /// Addresses that reach beyond the link, and the interfaces of default routes.
        case usable([Network], routes: [String])
        case unreadable(String)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        let all: [InterfaceAddress]
        do {
            all = try NetworkInterfaces.addresses()
        } catch {
            return .seen(.unreadable("\(error)"))
        }
        let usable = all.filter { $0.isUp && $0.isRunning && !$0.isLoopback && !$0.isLinkLocal }
        return .seen(
            .usable(
                usable.map { Network(address: $0, mtu: SystemFile.integer("/sys/class/net/\($0.name)/mtu")) },
                routes: DefaultRoutes.interfaces()))
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation {
        case .unreadable(let reason):
            .unanswered(reason, why: "without an address there is no network", remedy: showAddresses)
        case .usable(let usable, let routes): judge(usable, routes: routes)
        }
    }

    private static let showAddresses = ToolCommand.available("ip address", "cat /proc/net/dev")

    private static func judge(_ usable: [Network], routes: [String]) -> Finding {
        var facts = JSONObject()
        facts["addresses"] = .array(
            usable.map { one in
                var object = JSONObject()
                object["interface"] = .string(one.address.name)
                object["address"] = .string("\(one.address.address)/\(one.address.prefixLength)")
                object["mtu"] = one.mtu.map { .integer($0) } ?? .null
                return .object(object)
            })
        facts["defaultRoutes"] = .array(routes.map(JSONValue.string))
        guard !usable.isEmpty else {
            return Finding(
                .failed, "no address on any network", why: "without a network nothing leaves the kiosk",
                remedy: "check the cable or the modem, then: \(showAddresses)", facts: facts)
        }
        let names = usable.map { "\($0.address.name) \($0.address.address)" }.joined(separator: ", ")
        guard !routes.isEmpty else {
            return Finding(
                .warning, "\(names), no default route", why: "only machines on the same network can be reached",
                remedy: ToolCommand.available("ip route", "cat /proc/net/route") + "; check the router or the modem",
                facts: facts)
        }
        let small = usable.compactMap(\.mtu).min() ?? 1500
        guard small >= 1280 else {
            return Finding(
                .warning, "\(names), packets of \(small) bytes at most",
                why: "media packets are up to 1200 bytes and are cut to pieces",
                remedy: "raise the MTU to 1280 or more",
                facts: facts)
        }
        return .ok("\(names), default route over \(routes.joined(separator: ", "))", facts: facts)
    }
}

/// The interfaces that packets to anywhere leave by.
enum DefaultRoutes {
    static func interfaces() -> [String] {
        var names: [String] = []
        for line in (SystemFile.text("/proc/net/route") ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t")
            if fields.count > 7, fields[1] == "00000000", fields[7] == "00000000" { names.append(String(fields[0])) }
        }
        for line in (SystemFile.text("/proc/net/ipv6_route") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            // The kernel's own rejecting route is one over lo.
            if fields.count > 9, fields[0].allSatisfy({ $0 == "0" }), fields[1] == "00", fields[9] != "lo" {
                names.append(String(fields[9]))
            }
        }
        return names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
