import Primitives
import Testing

@testable import HTTPTransport

@Suite struct DeadlineQueueTests {
    private var queue = DeadlineQueue()
    private var deadlines = [DeadlineQueue.Deadline](repeating: DeadlineQueue.Deadline(), count: 5)

    private func at(_ seconds: Int) -> Instant { .zero + .seconds(seconds) }

    private mutating func set(_ owner: Int, _ seconds: Int?) {
        queue.set(&deadlines[owner], of: UInt64(owner), to: seconds.map(at))
    }

    private mutating func expired(_ seconds: Int) -> [Int] {
        var expired: [Int] = []
        while let entry = queue.popReached(now: at(seconds)) {
            let owner = Int(entry.owner)
            if queue.hasExpired(&deadlines[owner], entry, now: at(seconds)) { expired.append(owner) }
        }
        return expired
    }

    @Test mutating func theEarliestIsFirst() {
        for (owner, seconds) in [4, 2, 5, 1, 3].enumerated() { set(owner, seconds) }
        #expect(queue.first == at(1))
        #expect(expired(3) == [3, 1, 4])
        #expect(expired(3) == [] && queue.first == at(4))
        #expect(expired(9) == [0, 2] && queue.first == nil)
    }

    @Test mutating func aLaterDeadlineCostsNothingUntilTheOldOneComes() {
        set(0, 1)
        for seconds in 2...100 { set(0, seconds) }
        #expect(queue.first == at(1))
        #expect(expired(1) == [] && queue.first == at(100))
        #expect(expired(99) == [] && expired(100) == [0])
        #expect(deadlines[0].at == nil && queue.first == nil)
    }

    @Test mutating func anEarlierDeadlineCountsAtOnceAndOnce() {
        set(0, 10)
        set(0, 5)
        #expect(expired(5) == [0])
        #expect(expired(10) == [])
    }

    @Test mutating func oneThatWasTakenBackDoesNotCome() {
        set(0, 5)
        set(0, nil)
        #expect(expired(5) == [] && queue.first == nil)
        set(0, 6)
        #expect(expired(6) == [0])
    }
}
