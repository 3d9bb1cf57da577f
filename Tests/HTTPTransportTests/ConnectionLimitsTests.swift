import Primitives
import Testing

@testable import HTTPTransport

@Suite struct ConnectionLimitsTests {
    private func limits(_ maximum: Int, perAddress: Int) -> ConnectionLimits {
        var configuration = HTTPServerConfiguration(listen: [])
        configuration.maximumConnections = maximum
        configuration.maximumConnectionsPerAddress = perAddress
        configuration.proxies = [IPAddress("198.51.100.9")!]
        return ConnectionLimits(configuration)
    }

    private func address(_ text: String) -> IPAddress { IPAddress(text)! }

    @Test func anAddressHasItsShare() {
        var limits = limits(10, perAddress: 2)
        for _ in 0..<2 {
            #expect(limits.admits(address("192.0.2.1")))
            limits.opened(from: address("192.0.2.1"))
        }
        #expect(!limits.admits(address("192.0.2.1")) && limits.admits(address("192.0.2.2")))
        limits.closed(from: address("192.0.2.1"))
        #expect(limits.admits(address("192.0.2.1")) && limits.count == 1)
    }

    /// A client has all addresses of its /64 (RFC 6177).
    @Test func aNetworkOfIPv6IsOneAddress() {
        var limits = limits(10, perAddress: 1)
        limits.opened(from: address("2001:db8:0:1::1"))
        #expect(!limits.admits(address("2001:db8:0:1::2")) && limits.admits(address("2001:db8:0:2::1")))
    }

    @Test func aProxyHasAllThatThereAre() {
        var limits = limits(3, perAddress: 1)
        for _ in 0..<3 {
            #expect(limits.admits(address("198.51.100.9")))
            limits.opened(from: address("198.51.100.9"))
        }
        #expect(!limits.admits(address("198.51.100.9")) && !limits.admits(address("192.0.2.1")))
        #expect(limits.isProxy(address("198.51.100.9")) && !limits.isProxy(address("192.0.2.1")))
    }
}
