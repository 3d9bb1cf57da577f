import Primitives
import Reactor
import Testing

@testable import PeerIO

/// When the network thread tries again, when it asks again, and when it reports.
@Suite struct NetworkRetryTests {
    private let now = Instant(nanoseconds: 1_000_000_000)

    @Test func restartsAreAskedForNowAndThen() {
        var restarts = RestartRequests()
        func ask(after delay: Duration) -> Bool { restarts.mayAsk(now: now + delay) }
        let asked = [0, 9, 10, 19].map { ask(after: .seconds($0)) }
        #expect(asked == [true, false, true, false])
        restarts.asked(now: now + .seconds(30))
        let later = [39, 40].map { ask(after: .seconds($0)) }
        #expect(later == [false, true])
    }

    /// An IPv6 address may be bound half a second later, or five; then it is somebody else's.
    @Test func anAddressThatCannotBeBoundIsTriedTenTimes() throws {
        var schedule = RebindSchedule()
        #expect(schedule.nextTimeout == nil)
        let never = schedule.begin(now: now)
        #expect(!never)
        var time = now
        schedule.failed(now: time)
        // The second address of the same round waits for the same time.
        schedule.failed(now: time + .milliseconds(1))
        for _ in 0..<RebindSchedule.attempts {
            #expect(schedule.nextTimeout == time + RebindSchedule.interval)
            let early = schedule.begin(now: time)
            #expect(!early)
            time += RebindSchedule.interval
            let due = schedule.begin(now: time)
            #expect(due)
            schedule.failed(now: time)
            schedule.failed(now: time)
            schedule.ended()
        }
        time += RebindSchedule.interval
        let last = schedule.begin(now: time)
        #expect(!last)
        #expect(schedule.nextTimeout == nil)
    }

    @Test func anAddressThatIsBoundIsNotTriedAgain() {
        var schedule = RebindSchedule()
        schedule.failed(now: now)
        let due = schedule.begin(now: now + .milliseconds(500))
        #expect(due)
        schedule.ended()
        #expect(schedule.nextTimeout == nil)
    }

    @Test func bitsPerSecondAreThoseSinceTheLastReport() {
        var schedule = StatisticsSchedule(after: nil, now: now)
        #expect(schedule.nextTimeout == now + .seconds(1))
        let first = schedule.report(bytesSent: 1000, now: now + .seconds(1))
        let second = schedule.report(bytesSent: 3000, now: now + .seconds(3))
        #expect(first == 8000 && second == 8000)
        #expect(schedule.nextTimeout == now + .seconds(4))
        // The peer has begun anew, and with it the count.
        var again = StatisticsSchedule(after: schedule, now: now + .seconds(10))
        let third = again.report(bytesSent: 500, now: now + .seconds(11))
        #expect(third == 4000)
        let none = again.report(bytesSent: 600, now: now + .seconds(11))
        #expect(none == nil)
    }

    private func address(
        _ text: String, interface: UInt32, prefix: Int = 24, isTunnel: Bool = false
    ) -> InterfaceAddress {
        InterfaceAddress(
            name: "eth\(interface)", index: interface, address: IPAddress(text)!, prefixLength: prefix, isUp: true,
            isRunning: true, isLoopback: false, isPointToPoint: isTunnel)
    }

    @Test func namesAreAskedForOncePerInterfaceAndFamily() {
        let plan = NamePlan([
            address("192.0.2.1", interface: 1), address("192.0.2.2", interface: 1),
            address("2001:db8::1", interface: 1, prefix: 64),
            address("198.51.100.1", interface: 2), address("10.8.0.2", interface: 3, isTunnel: true),
        ])
        #expect(plan.asking.map(\.interface) == [1, 1, 2])
        #expect(plan.asking.map(\.address) == ["192.0.2.1", "2001:db8::1", "198.51.100.1"].map { IPAddress($0)! })
        #expect(
            plan.listening == [
                NamePlan.Listening(group: IPAddress("224.0.0.251")!, interfaces: [1, 2]),
                NamePlan.Listening(group: IPAddress("ff02::fb")!, interfaces: [1]),
            ])
        #expect(plan.isOnLink(IPAddress("192.0.2.77")!) && plan.isOnLink(IPAddress("fe80::1")!))
        #expect(!plan.isOnLink(IPAddress("203.0.113.1")!) && !plan.isOnLink(IPAddress("10.8.0.1")!))
        #expect(NamePlan([]).listening.isEmpty)
    }
}
