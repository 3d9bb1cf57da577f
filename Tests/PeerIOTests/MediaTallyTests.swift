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
    private let control = EncoderControl(
        videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32))
    private let events = try! Mailbox<PeerEvent>()
    private let commands = try! Mailbox<PeerCommand>()

    private var resources: NetworkResources {
        NetworkResources(
            interfaces: InterfaceFilter(), trust: nil, pool: PacketPool(slotCount: 8), events: events,
            video: FrameRing(kind: .video, frameCapacity: 1000), audio: FrameRing(kind: .audio, frameCapacity: 1000),
            control: control, tally: tally)
    }

    @Test func aSessionCountsFromItsBeginning() {
        tally.count(.video) { $0.encoded += 3 }
        tally.beginSession()
        tally.count(.video) { $0.encoded += 2 }
        tally.count(.audio) { $0.encoded += 1 }
        #expect(tally.session(.video).encoded == 2 && tally.total(.video).encoded == 5)
        #expect(tally.session(.audio).encoded == 1 && tally.total(.audio).encoded == 1)
    }

    /// The encoders' numbers of the session before are not this one's.
    @Test func theNetworkThreadBeginsTheSession() throws {
        tally.count(.video) { ($0.encoded, $0.width) = (100, 640) }
        var loop = try NetworkLoop(resources, commands: commands, progress: ThreadProgress())
        commands.post(.sessionStarted(sessionId: "second", monitorId: "m", iceServers: []))
        commands.post(.shutdown)
        try loop.run()
        #expect(tally.session(.video) == MediaCounters())
        #expect(tally.total(.video).encoded == 100)
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
        let slot = try PeerSlot(
            "session", resources, registry: try SocketRegistry(wokenBy: commands.wake),
            wall: WallClock(secondsSince1970: 1_800_000_000), now: pair.simulation.now)
        #expect(control.expectedLossPercent == 0)
        for event in pair.kiosk.events {
            if case .lossReported = event { slot.handle(event, now: pair.simulation.now) }
        }
        #expect(15...25 ~= control.expectedLossPercent)
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
