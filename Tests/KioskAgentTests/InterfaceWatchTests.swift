import Primitives
import Reactor
import Testing

@testable import KioskAgent

@Suite struct InterfaceWatchTests {
    private let now = Instant.zero

    private func address(_ text: String, isRunning: Bool = true) throws -> InterfaceAddress {
        InterfaceAddress(
            name: "eth0", index: 2, address: try #require(IPAddress(text)), prefixLength: 24, isUp: true,
            isRunning: isRunning, isLoopback: false, isPointToPoint: false)
    }

    @Test func addressesAreReadWhenTheyHaveSettled() throws {
        let (first, second) = (try address("192.0.2.1"), try address("192.0.2.2"))
        var interfaces = InterfaceWatch([first])
        #expect(interfaces.nextTimeout == nil)
        interfaces.somethingChanged(now: now)
        interfaces.somethingChanged(now: now + .milliseconds(60))
        #expect(interfaces.nextTimeout == now + .milliseconds(100))
        #expect(interfaces.read([first]) == nil)
        #expect(interfaces.nextTimeout == nil)
        #expect(interfaces.read([first, second]) == [first.address, second.address])
        // A cable that is pulled.
        let dead = try address("192.0.2.1", isRunning: false)
        #expect(interfaces.read([dead, second]) == [second.address])
    }
}
