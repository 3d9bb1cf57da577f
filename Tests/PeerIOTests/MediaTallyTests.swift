import PeerIO
import Primitives
import Reactor
import Service
import TestSupport
import Testing

@testable import Media
@testable import Peer
@testable import PeerIO

/// What is counted for one session, and what the network thread makes of it.
@Suite struct MediaTallyTests {
    private let tally = MediaTally()
    private let hub = try! MediaHub(
        control: EncoderControl(
            videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32)))
    private let events = try! Mailbox<PeerEvent>()
    private let commands = try! Mailbox<PeerCommand>()

    private var resources: NetworkResources {
        NetworkResources(
            interfaces: InterfaceFilter(), trust: nil, pools: [PacketPool(slotCount: 8)], events: events, hub: hub,
            lease: nil, readable: commands.wake, tally: tally)
    }

    private func makeSlot(_ id: String, now: Instant) throws -> PeerSlot {
        try PeerSlot(
            id, resources, pool: PacketPool(slotCount: 8), registry: try SocketRegistry(wokenBy: commands.wake),
            wall: WallClock(secondsSince1970: 1_800_000_000), now: now)
    }

    @Test func aSessionCountsFromItsBeginning() {
        tally.count(.video) { $0.encoded += 3 }
        tally.begin("S1")
        tally.count(.video) { $0.encoded += 2 }
        tally.count(.audio) { $0.encoded += 1 }
        tally.begin("S2")
        tally.count(.video) { $0.encoded += 4 }
        #expect(tally.session("S1", .video).encoded == 6 && tally.total(.video).encoded == 9)
        #expect(tally.session("S2", .video).encoded == 4 && tally.session("S2", .audio).encoded == 0)
        #expect(tally.session("S1", .audio).encoded == 1 && tally.total(.audio).encoded == 1)
        tally.end("S1")
        tally.count(.video) { $0.encoded += 8 }
        #expect(tally.session("S1", .video) == MediaCounters())
        #expect(tally.session("S2", .video).encoded == 12 && tally.total(.video).encoded == 17)
        // One that begins anew under its name.
        tally.begin("S2")
        #expect(tally.session("S2", .video) == MediaCounters())
    }

    /// The encoders' numbers of the session before are not this one's, and with a session its numbers go.
    @Test func aSlotBeginsAndEndsTheCount() throws {
        tally.count(.video) { ($0.encoded, $0.width) = (100, 640) }
        let now = MonotonicClock.now()
        let first = try makeSlot("S1", now: now)
        tally.count(.video) { $0.encoded += 10 }
        let second = try makeSlot("S2", now: now)
        tally.count(.video) { $0.encoded += 1 }
        #expect(tally.session("S1", .video).encoded == 11 && tally.session("S2", .video).encoded == 1)
        first.close(now: now)
        #expect(tally.session("S1", .video) == MediaCounters() && tally.session("S2", .video).encoded == 1)
        second.close(now: now)
        #expect(tally.session("S2", .video) == MediaCounters() && tally.total(.video).encoded == 111)
    }

    @Test func theNetworkThreadEndsWhatIsOpen() throws {
        var loop = try NetworkLoop(resources, commands: commands, progress: ThreadProgress())
        commands.post(.sessionStarted(sessionId: "second", monitorId: "m", iceServers: []))
        commands.post(.shutdown)
        try loop.run()
        #expect(tally.session("second", .video) == MediaCounters())
        var summarized: String?
        while let event = events.next() {
            if case .summary(let statistics, _) = event { summarized = statistics.sessionId }
        }
        #expect(summarized == "second")
    }

    /// The receiver's reports about the sound decide how much of it is error correction.
    @Test func lossOfTheSoundReachesItsEncoder() throws {
        let pair = try Pair()
        var count = 0
        pair.simulation.network.loses = { datagram in
            guard datagram.source.port == 40_000, datagram.isMedia, datagram.bytes.count < 300 else { return false }
            count += 1
            return count % 5 == 0
        }
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(10))
        let slot = try makeSlot("S1", now: pair.simulation.now)
        #expect(hub.control.expectedLossPercent == 0)
        for event in pair.kiosk.events {
            if case .lossReported = event { slot.handle(event, now: pair.simulation.now) }
        }
        #expect(15...25 ~= hub.control.expectedLossPercent)
    }

    @Test func theConfigurationsLimitHoldsFromTheNextSessionOn() throws {
        let now = MonotonicClock.now()
        let first = try makeSlot("S1", now: now)
        #expect(hub.control.videoBitrate == .kilobits(600))
        // Raised while somebody watches: not in the session that runs.
        hub.control.videoBitrateLimit = .kilobits(2000)
        #expect(hub.control.videoBitrate == .kilobits(600))
        first.close(now: now)
        let second = try makeSlot("S2", now: now)
        #expect(hub.control.videoBitrate == .kilobits(800), "what a path is taken to carry at first")
        second.handle(.videoBitrateChanged(.kilobits(1800)), now: now)
        #expect(hub.control.videoBitrate == .kilobits(1800))
        // Lowered: not in the session that runs.
        hub.control.videoBitrateLimit = .kilobits(300)
        #expect(hub.control.videoBitrate == .kilobits(1800))
        second.close(now: now)
        let third = try makeSlot("S3", now: now)
        #expect(hub.control.videoBitrate == .kilobits(300))
        third.close(now: now)
    }

    /// The encoder makes what the slower of two can take, and what the other can when that one has gone.
    @Test func twoSlotsWishTogether() throws {
        let now = MonotonicClock.now()
        let fast = try makeSlot("S1", now: now)
        hub.control.videoBitrateLimit = .kilobits(300)
        let slow = try makeSlot("S2", now: now)
        #expect(hub.control.videoBitrate == .kilobits(300))
        fast.handle(.videoBitrateChanged(.kilobits(500)), now: now)
        #expect(hub.control.videoBitrate == .kilobits(300))
        slow.handle(.videoBitrateChanged(.kilobits(120)), now: now)
        #expect(hub.control.videoBitrate == .kilobits(120))
        slow.close(now: now)
        #expect(hub.control.videoBitrate == .kilobits(500))
        fast.close(now: now)
    }

    @Test func aLimitationIsTimedFromPictureToPicture() {
        var meter = LimitationMeter()
        var times = LimitationTimes()
        var now = Instant.zero
        func note(_ limitation: QualityLimitation, _ generation: UInt32, after milliseconds: Int64) {
            now += .milliseconds(milliseconds)
            if let span = meter.note(limitation, generation: generation, now: now) { times.add(span) }
        }
        note(.none, 1, after: 0)
        note(.bandwidth, 1, after: 40)
        note(.bandwidth, 1, after: 60)
        note(.cpu, 1, after: 100)
        // No picture was wanted for a minute.
        note(.none, 2, after: 60_000)
        note(.none, 2, after: 30)
        #expect(times[.none] == .milliseconds(70) && times[.bandwidth] == .milliseconds(160) && times[.cpu] == .zero)
        #expect(times.record == ["none": 0.07, "bandwidth": 0.16, "cpu": 0, "other": 0])
    }
}
