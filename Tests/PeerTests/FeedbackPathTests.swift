import Peer
import Primitives
import TestSupport
import Testing

/// The way back is bad while rates are measured: transport-wide feedback, reports, NACKs and keyframe requests are lost,
/// late, out of order and doubled. The kiosk's uplink carries 2.5 Mbit/s and loses one packet in fifty.
@Suite struct FeedbackPathTests {
    struct Plan: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// From the monitor to the kiosk.
        var back: LinkConditions
        /// kbit/s of whole pictures, and pictures a second.
        var kept: Double
        var frames: Double
        /// How long a picture may take from a link that comes back.
        var recovery: Duration
    }

    static let plans = [
        Plan(
            testDescription: "one in ten lost", back: LinkConditions(loss: 0.1), kept: 1700, frames: 28,
            recovery: .milliseconds(500)),
        Plan(
            testDescription: "one in five lost", back: LinkConditions(loss: 0.2), kept: 1600, frames: 27,
            recovery: .milliseconds(900)),
        Plan(
            testDescription: "bursts of ten lost", back: LinkConditions(burstChance: 0.02, burstLength: 10), kept: 1600,
            frames: 27, recovery: .milliseconds(900)),
        Plan(
            testDescription: "150 to 250 ms late",
            back: LinkConditions(latency: .milliseconds(150), jitter: .milliseconds(100)), kept: 1500, frames: 27,
            recovery: .seconds(1)),
        Plan(
            testDescription: "one in four held back by 120 ms",
            back: LinkConditions(reordering: 0.25, reorderingDelay: .milliseconds(120)), kept: 1600, frames: 28,
            recovery: .milliseconds(500)),
        Plan(
            testDescription: "one in two doubled", back: LinkConditions(duplication: 0.5), kept: 1800, frames: 28,
            recovery: .milliseconds(500)),
        Plan(
            testDescription: "all of it together",
            back: LinkConditions(
                latency: .milliseconds(60), jitter: .milliseconds(60), loss: 0.15, duplication: 0.2, reordering: 0.2,
                reorderingDelay: .milliseconds(90)),
            kept: 1400, frames: 26, recovery: .seconds(1)),
    ]

    private func sending(_ plan: Plan, seed: UInt64) throws -> Pair {
        let pair = try Pair(seed: seed, bitrates: PeerBitrates(maximumVideo: .kilobits(2600)))
        _ = try #require(try pair.connect())
        pair.simulation.network.setLinks(
            of: pair.kioskHost, uplink: LinkConditions(loss: 0.02, rate: .kilobits(2500)), downlink: LinkConditions())
        pair.simulation.network.setLinks(of: pair.monitorHost, uplink: plan.back, downlink: LinkConditions())
        pair.encoderFollows = true
        pair.startMedia()
        return pair
    }

    @Test("The picture goes on at its rate", arguments: plans)
    func goesOn(plan: Plan) throws {
        let pair = try sending(plan, seed: 1)
        try pair.simulation.run(for: .seconds(11))
        let course = Course(pair, last: .seconds(7))
        look(plan.testDescription, "\(course), \(pair.kiosk.session.snapshot.rtpDrops.nonZero)")
        #expect(course.kilobits >= plan.kept)
        #expect(course.framesPerSecond >= plan.frames)
        #expect(course.longestGap <= .milliseconds(1200))
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(Double(pair.monitor.audio.count) >= Double(pair.audioSent) * 0.96)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
        #expect(!pair.kiosk.events.contains { if case .disconnected = $0 { true } else { false } })
    }

    /// The picture is lost for a second and a half, again and again: requests for a keyframe go the bad way, too.
    @Test("Keyframes are asked for and come", arguments: [plans[1], plans[2], plans[3], plans[6]])
    func keyframes(plan: Plan) throws {
        let pair = try sending(plan, seed: 3)
        try pair.simulation.run(for: .seconds(4))
        var slowest = Duration.zero
        for _ in 0..<2 {
            let requests = pair.kiosk.keyframeRequests
            pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = true }
            try pair.simulation.run(for: .milliseconds(1500))
            pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = false }
            let (back, number) = (pair.simulation.now, pair.framesSent)
            let took = try #require(
                try pair.simulation.run(within: .seconds(5)) { pair.monitor.video.contains { $0.number >= number } })
            slowest = max(slowest, took)
            try pair.simulation.run(for: .milliseconds(1500))
            #expect(pair.kiosk.keyframeRequests > requests)
            #expect(pair.monitor.video.contains { $0.at > back && $0.isKeyframe })
        }
        let course = Course(pair, last: .seconds(1))
        look("keyframes, \(plan.testDescription)", "slowest \(Int(slowest.milliseconds)) ms, then \(course)")
        #expect(slowest <= plan.recovery)
        #expect(course.framesPerSecond >= 20)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    /// For four seconds no feedback comes at all: the rate falls to what cannot hurt, and is back soon after.
    @Test("Feedback stops and comes back")
    func silence() throws {
        let pair = try sending(Self.plans[0], seed: 1)
        try pair.simulation.run(for: .seconds(5))
        var gone = Self.plans[0].back
        gone.isDown = true
        pair.simulation.network.setLinks(of: pair.monitorHost, uplink: gone, downlink: LinkConditions())
        try pair.simulation.run(for: .seconds(4))
        #expect(try #require(pair.kiosk.videoBitrate) < .kilobits(400))
        pair.simulation.network.setLinks(of: pair.monitorHost, uplink: Self.plans[0].back, downlink: LinkConditions())
        try pair.simulation.run(for: .seconds(6))
        let after = Course(pair, last: .seconds(2))
        look("silence", "\(after)")
        #expect(after.kilobits >= 1500)
        #expect(after.framesPerSecond >= 27)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }
}
