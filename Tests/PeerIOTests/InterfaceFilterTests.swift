import Primitives
import Reactor
import Testing

@testable import PeerIO

@Suite struct InterfaceFilterTests {
    private func address(
        _ name: String, _ address: String, isUp: Bool = true, isRunning: Bool = true
    ) -> InterfaceAddress {
        InterfaceAddress(
            name: name, index: 1, address: IPAddress(address)!, prefixLength: 24, isUp: isUp, isRunning: isRunning,
            isLoopback: name == "lo", isPointToPoint: false)
    }

    private var machine: [InterfaceAddress] {
        [
            address("lo", "127.0.0.1"), address("eth0", "192.0.2.1"), address("eth0", "2001:db8::1"),
            address("eth0", "fe80::1"), address("eth1", "192.0.2.129", isUp: false, isRunning: false),
            address("eth2", "192.0.2.130", isRunning: false), address("wlan0", "198.51.100.1"),
            address("docker0", "172.17.0.1"), address("br-5f3a", "172.18.0.1"), address("veth12", "172.19.0.1"),
            address("virbr0", "192.168.122.1"), address("lxcbr0", "10.0.3.1"), address("lxdbr0", "10.0.4.1"),
            address("cni0", "10.0.5.1"), address("wg0", "10.0.6.1"), address("eth3", "169.254.3.4"),
        ]
    }

    private func names(_ filter: InterfaceFilter, mayBeLoopback: Bool = true) -> [String] {
        filter.select(machine, mayBeLoopback: mayBeLoopback).map { "\($0.name) \($0.address)" }
    }

    @Test func whatReachesSomebody() {
        #expect(
            names(InterfaceFilter()) == ["eth0 2001:db8::1", "eth0 192.0.2.1", "wlan0 198.51.100.1", "wg0 10.0.6.1"])
    }

    @Test("The families take turns, whatever order the kernel has (RFC 8421 section 4)")
    func interleaved() {
        let listed = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:1::1"]
        let selected = InterfaceFilter().select(listed.map { address("eth0", $0) })
        #expect(
            selected.map { "\($0.address)" } == [
                "2001:db8::1", "192.0.2.1", "2001:db8:1::1", "198.51.100.1", "203.0.113.1",
            ])
    }

    @Test func denied() {
        #expect(
            names(InterfaceFilter(denied: ["w*"])) == ["eth0 2001:db8::1", "eth0 192.0.2.1"], "bridges stay denied")
        #expect(names(InterfaceFilter(denied: ["eth", "wg", "wlan"])).count == 4, "a name is not a prefix")
    }

    @Test func onlyTheAllowed() {
        #expect(names(InterfaceFilter(allowed: ["wlan0"])) == ["wlan0 198.51.100.1"])
        #expect(
            names(InterfaceFilter(allowed: ["docker0", "wg0"], denied: ["wg*"])) == [
                "docker0 172.17.0.1", "wg0 10.0.6.1",
            ])
    }

    @Test func aMachineWithoutANetworkIsSeenByItself() {
        #expect(names(InterfaceFilter(allowed: ["ppp0"])) == ["lo 127.0.0.1"])
        #expect(names(InterfaceFilter(allowed: ["ppp0"]), mayBeLoopback: false).isEmpty)
    }
}
