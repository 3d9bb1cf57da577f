import Primitives
import Records
import Synchronization
import Testing

@testable import HTTPTransport
@testable import SignalingServer
@testable import SocketIO

@Suite struct ServingPhaseTests {
    private let now = Instant.zero + .seconds(100)

    @Test func itStopsWhenNobodyIsLeftOrTheTimeIsUp() {
        var phase = ServingPhase.serving
        #expect(!phase.isStopping && phase.deadline == nil)
        #expect(!phase.isOver(connections: 0, now: now))
        #expect(phase.stopAsked(within: .seconds(10), now: now) == true)
        #expect(phase == .stopping(until: now + .seconds(10)) && phase.isStopping)
        #expect(!phase.isOver(connections: 1, now: now + .seconds(9)))
        #expect(phase.isOver(connections: 0, now: now))
        #expect(phase.isOver(connections: 1, now: now + .seconds(10)))
    }

    @Test func askedTwiceItStopsAtOnce() {
        var phase = ServingPhase.serving
        _ = phase.stopAsked(within: .seconds(10), now: now)
        #expect(phase.stopAsked(within: .seconds(10), now: now + .seconds(1)) == false)
        #expect(phase.isOver(connections: 1, now: now + .seconds(1)))
    }

    @Test func aLoadBalancerIsToldWhyNobodyShouldCome() {
        #expect(ServingPhase.serving.obstacle(.well) == nil)
        #expect(ServingPhase.serving.obstacle(.unwritable) == "the records cannot be written")
        #expect(ServingPhase.serving.obstacle(.littleSpace) == "little space is left for the records")
        #expect(ServingPhase.stopping(until: now).obstacle(.unwritable) == "the server is stopping")
    }
}

@Suite struct HeartbeatTests {
    @Test func itBeatsAtItsPaceWhileTheServerIsAlive() {
        let beats = Mutex(0)
        var heartbeat = Heartbeat(every: .seconds(5)) { beats.withLock { $0 += 1 } }
        heartbeat.handleTimeout(now: .zero) { true }
        #expect(beats.withLock { $0 } == 1 && heartbeat.next == .zero + .seconds(5))
        heartbeat.handleTimeout(now: .zero + .seconds(4)) { preconditionFailure("asked too early") }
        heartbeat.handleTimeout(now: .zero + .seconds(5)) { false }
        #expect(beats.withLock { $0 } == 1 && heartbeat.next == .zero + .seconds(10))
        heartbeat.handleTimeout(now: .zero + .seconds(11)) { true }
        #expect(beats.withLock { $0 } == 2)
    }
}

@Suite struct MemoryWatchTests {
    @Test func itLooksAgainWhenAGoodDealMoreMayBeHeld() {
        var watch = MemoryWatch(ByteLedger.Limits(total: 100, perAccount: 100, perAddress: 100))
        #expect(!watch.isDue(1 << 20))
        #expect(watch.isDue(1 << 20 + 1))
        #expect(watch.whoMustGo([], [], bytesPutAside: 1 << 20 + 1).isEmpty)
        #expect(!watch.isDue(1 << 20 + 1))
        #expect(watch.isDue(2 << 20 + 2))
    }

    @Test func whoMustGoIsCountedAndWhatClientsHoldIsKept() {
        var watch = MemoryWatch(ByteLedger.Limits(total: 100, perAccount: 50, perAddress: 100))
        func connection(_ id: UInt64, _ bytes: Int) -> HTTPHolding {
            HTTPHolding(connection: id, since: .zero, address: nil, account: "a", bytes: bytes)
        }
        let client = SocketIOHolding(
            holder: .lost(SocketID(rawValue: 1)), owner: "b", address: nil, bytes: 40, since: .zero)
        #expect(
            watch.whoMustGo([connection(1, 20), connection(2, 35)], [client], bytesPutAside: 0) == [.connection(2)])
        #expect(watch.clientBytes == 40 && watch.evictions == 1)
        #expect(watch.whoMustGo([connection(1, 20)], [], bytesPutAside: 0).isEmpty)
        #expect(watch.clientBytes == 0 && watch.evictions == 1)
    }
}
