import CAllocations
import Peer
import Primitives
import TestSupport
import Testing

/// What the session asks the allocator for while media flows: memory is taken when a session begins, not by packets and frames.
@Suite struct AllocationTests {
    /// Calls and allocations of one entry of the session.
    private struct Count { var calls = 0, own = 0, libraries = 0 }

    private final class Meter {
        var counts: [SimulatedPeer.Entry: Count] = [:]
        private var own: Int64 = 0, libraries: Int64 = 0

        init() { for entry in SimulatedPeer.Entry.allCases { counts[entry] = Count() } }

        func note(_ entry: SimulatedPeer.Entry, isBegin: Bool) {
            if isBegin {
                own = allocations_of_this_thread()
                libraries = allocations_of_libraries_of_this_thread()
                return
            }
            let own = Int(allocations_of_this_thread() - self.own)
            let libraries = Int(allocations_of_libraries_of_this_thread() - self.libraries)
            counts[entry]!.calls += 1
            counts[entry]!.own += own
            counts[entry]!.libraries += libraries
        }
    }

    /// Allocations for twenty seconds of RTCP that the kiosk sends, at most.
    private static let ofReports = 60

    @Test func theCounterCounts() {
        let before = allocations_of_this_thread()
        let array = [Int](repeating: 7, count: Int.random(in: 100...200))
        #expect(allocations_of_this_thread() > before)
        withExtendedLifetime(array) {}
    }

    /// Also with every limit that a configuration sets, as the agent's does.
    @Test(arguments: [PeerBitrates(), PeerBitrates(maximumVideo: .kilobits(1_500))])
    func framesAndPacketsTakeNoMemory(bitrates: PeerBitrates) throws {
        let pair = try Pair(seed: 5, bitrates: bitrates)
        try #require(try pair.connect() != nil)
        pair.startMedia()
        // Until rings and histories have their size.
        try pair.simulation.run(for: .seconds(20))
        let meter = Meter()
        pair.kiosk.measure = { meter.note($0, isBegin: $1) }
        try pair.simulation.run(for: .seconds(20))
        // Pictures and sounds.
        #expect(meter.counts[.send]!.calls == 20 * 80)
        #expect(meter.counts[.send]!.own == 0)
        #expect(meter.counts[.timeout]!.own == 0)
        // What is left are the kiosk's own reports, of which it sends one in about a second: no packet of media is among it.
        let poll = meter.counts[.poll]!
        #expect(poll.calls > 7_000)
        #expect(poll.own <= AllocationTests.ofReports, "\(poll.own) in 20 s")
        // The monitor's reports, some twenty a second.
        let handle = meter.counts[.handle]!
        #expect(handle.calls > 300)
        #expect(handle.own <= handle.calls / 20, "\(handle.own) for \(handle.calls)")
        // libsrtp's cipher allocates for each packet, twice.
        #expect(poll.libraries <= 2 * poll.calls + 100)
    }
}
