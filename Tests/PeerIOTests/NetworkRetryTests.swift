import Primitives
import Testing

@testable import PeerIO

/// When the network thread tries again, and when it asks again.
@Suite struct NetworkRetryTests {
    private let now = Instant(nanoseconds: 1_000_000_000)

    private func retry(_ port: UInt16, after delay: Duration) -> RelayRetry {
        let address = SocketAddress(address: IPAddress("192.0.2.1")!, port: port)
        return RelayRetry(
            server: ResolvedICEServer(host: "turn.example", address: address, transport: .tcp, credentials: nil),
            at: now + delay, failures: 2)
    }

    @Test func whatHasNoRoomComesLater() {
        var retries = [retry(1, after: .zero), retry(2, after: .zero), retry(3, after: .seconds(1))]
        var due = RelayRetry.takeDue(from: &retries, room: 1, now: now)
        #expect(due.map(\.server.address.port) == [1])
        #expect(retries.map(\.server.address.port) == [2, 3])
        #expect(retries.map(\.at) == [now + RelayRetry.pause, now + .seconds(1)])
        #expect(retries.map(\.failures) == [2, 2])
        due = RelayRetry.takeDue(from: &retries, room: 0, now: now + .seconds(9))
        #expect(due.isEmpty)
        #expect(retries.map(\.at) == [now + .seconds(9) + RelayRetry.pause, now + .seconds(9) + RelayRetry.pause])
        due = RelayRetry.takeDue(from: &retries, room: 6, now: now + .seconds(60))
        #expect(due.count == 2)
        #expect(retries.isEmpty)
    }

    @Test func restartsAreAskedForNowAndThen() {
        var restarts = RestartRequests()
        func ask(after delay: Duration) -> Bool { restarts.mayAsk(now: now + delay) }
        let asked = [0, 9, 10, 19].map { ask(after: .seconds($0)) }
        #expect(asked == [true, false, true, false])
        restarts.asked(now: now + .seconds(30))
        let later = [39, 40].map { ask(after: .seconds($0)) }
        #expect(later == [false, true])
    }
}
