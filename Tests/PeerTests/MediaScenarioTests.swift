import Peer
import Primitives
import TestSupport
import Testing

/// Whole sessions whose encoder follows the path, over bad paths: 40 ms round trip, a queue of 150 ms.
@Suite struct MediaScenarioTests {
    /// A connected pair, sending over a kiosk's uplink of this kind.
    private func sending(_ uplink: LinkConditions, seed: UInt64) throws -> Pair {
        let pair = try Pair(seed: seed, bitrates: PeerBitrates(maximumVideo: .kilobits(2600)))
        _ = try #require(try pair.connect())
        pair.simulation.network.setLinks(
            of: pair.kioskHost, uplink: uplink, downlink: LinkConditions(latency: .milliseconds(10)))
        pair.encoderFollows = true
        pair.startMedia()
        return pair
    }

    /// Frames a second that came whole in the last `duration`.
    private func framesPerSecond(_ pair: Pair, last duration: Duration) -> Double {
        let from = pair.simulation.now - duration
        return Double(pair.monitor.video.count { $0.at >= from }) / duration.seconds
    }

    /// The longest time from capture to arrival among frames that came since `from`.
    private func worstDelay(_ pair: Pair, from: Instant) -> Duration {
        pair.monitor.video.filter { $0.at >= from }.map { $0.at - pair.captured[Int($0.number)] }.max() ?? .zero
    }

    @Test(
        "Random loss: frames come whole", arguments: [(0.05, 1800.0, 25.0), (0.1, 1300.0, 24.0), (0.2, 400.0, 15.0)],
        [1, 2, 3] as [UInt64])
    func randomLoss(plan: (loss: Double, kept: Double, frames: Double), seed: UInt64) throws {
        let pair = try sending(
            LinkConditions(latency: .milliseconds(10), loss: plan.loss, rate: .kilobits(2500)), seed: seed)
        try pair.simulation.run(for: .seconds(30))
        let frames = framesPerSecond(pair, last: .seconds(20))
        // Bytes of whole frames, each packet counted once.
        let from = pair.simulation.now - .seconds(20)
        let bytes = pair.monitor.video.filter { $0.at >= from }.reduce(0) { $0 + $1.size }
        let kept = Double(bytes) * 8 / 20_000
        let keyframes = pair.monitor.video.count { $0.isKeyframe }
        look(
            "loss\(Int(plan.loss * 100))", "\(frames) frames/s, \(Int(kept)) kbit/s of pictures, \(keyframes) keyframes"
        )
        #expect(frames >= plan.frames)
        #expect(kept >= plan.kept)
    }

    @Test("A narrow path of 150 kbit/s: picture and sound", arguments: [1, 2, 3] as [UInt64])
    func narrow(seed: UInt64) throws {
        let pair = try sending(LinkConditions(latency: .milliseconds(10), rate: .kilobits(150)), seed: seed)
        try pair.simulation.run(for: .seconds(15))
        let (before, sent) = (pair.monitor.audio.count, pair.audioSent)
        try pair.simulation.run(for: .seconds(20))
        let frames = framesPerSecond(pair, last: .seconds(20))
        let sound = Double(pair.monitor.audio.count - before) / Double(pair.audioSent - sent)
        look("narrow", "\(frames) frames/s, \(sound) of the sound, encoder at \(pair.kiosk.videoBitrate ?? .zero)")
        #expect(frames >= 5)
        #expect(sound >= 0.98)
    }

    @Test("Nothing arrives for 10 s: the picture is back within a second", arguments: [1, 2, 3] as [UInt64])
    func outage(seed: UInt64) throws {
        let pair = try sending(LinkConditions(latency: .milliseconds(10), rate: .kilobits(2500)), seed: seed)
        try pair.simulation.run(for: .seconds(10))
        pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(10))
        pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = false }
        let (back, number) = (pair.simulation.now, pair.framesSent)
        // A new picture, not one that waited.
        let took = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.monitor.video.contains { $0.number >= number } })
        look("outage", "back after \(took)")
        #expect(took <= .milliseconds(700))
        try pair.simulation.run(for: .seconds(3))
        #expect(worstDelay(pair, from: back + took) < .milliseconds(500))
        #expect(framesPerSecond(pair, last: .seconds(2)) >= 28)
    }

    @Test("From 2.5 to 1.0 Mbit/s: the picture does not fall behind", arguments: [1, 2, 3] as [UInt64])
    func stepDown(seed: UInt64) throws {
        let pair = try sending(LinkConditions(latency: .milliseconds(10), rate: .kilobits(2500)), seed: seed)
        try pair.simulation.run(for: .seconds(10))
        pair.simulation.network.setLinks(
            of: pair.kioskHost, uplink: LinkConditions(latency: .milliseconds(10), rate: .kilobits(1000)),
            downlink: LinkConditions(latency: .milliseconds(10)))
        let from = pair.simulation.now
        try pair.simulation.run(for: .seconds(10))
        let worst = worstDelay(pair, from: from)
        let later = worstDelay(pair, from: from + .seconds(2))
        look("down", "worst \(worst), after 2 s \(later), \(pair.kiosk.keyframeRequests) keyframe requests")
        #expect(worst < .milliseconds(900))
        #expect(later < .milliseconds(300))
    }

    @Test("An encoder that makes four tenths too much is held back, and nothing is thrown away", arguments: [1, 2])
    func overshoot(seed: UInt64) throws {
        let pair = try sending(LinkConditions(latency: .milliseconds(10), rate: .kilobits(1500)), seed: seed)
        try pair.simulation.run(for: .seconds(8))
        pair.overshoot = 1.4
        let from = pair.simulation.now
        try pair.simulation.run(for: .seconds(12))
        let worst = worstDelay(pair, from: from)
        look("overshoot", "worst \(worst)")
        #expect(worst < .milliseconds(700))
        #expect(pair.kiosk.session.snapshot.mediaDrops[.waitedTooLong] == 0)
        #expect(framesPerSecond(pair, last: .seconds(10)) >= 28)
    }
}
