import ICE
import Peer
import Primitives
import TestSupport
import Testing

/// Whole sessions whose encoder follows the path, with SRTP, retransmissions and budgets, over paths that disturb order
/// and whose rate changes. The simulation fails a machine that never goes idle.
@Suite struct BadPathTests {
    private static func link(_ kilobits: Double) -> LinkConditions { LinkConditions(rate: .kilobits(kilobits)) }

    private func sending(
        _ uplink: LinkConditions, kioskAddresses: [String] = ["10.1.0.2"], seed: UInt64
    ) throws -> Pair {
        let pair = try Pair(
            seed: seed, kioskAddresses: kioskAddresses, bitrates: PeerBitrates(maximumVideo: .kilobits(2600)))
        _ = try #require(try pair.connect())
        change(pair, to: uplink)
        pair.encoderFollows = true
        pair.startMedia()
        return pair
    }

    private func change(_ pair: Pair, to uplink: LinkConditions) {
        pair.simulation.network.setLinks(of: pair.kioskHost, uplink: uplink, downlink: LinkConditions())
    }

    struct Plan: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var uplink: LinkConditions
        /// kbit/s of whole pictures, and pictures a second.
        var kept: Double
        var frames: Double
    }

    static let plans = [
        Plan(
            testDescription: "one in four held back by 60 ms",
            uplink: LinkConditions(reordering: 0.25, reorderingDelay: .milliseconds(60), rate: .kilobits(2500)),
            kept: 1500, frames: 28),
        Plan(
            testDescription: "one in five twice", uplink: LinkConditions(duplication: 0.2, rate: .kilobits(2500)),
            kept: 1900, frames: 29),
        Plan(
            testDescription: "bursts of eight lost",
            uplink: LinkConditions(burstChance: 0.003, burstLength: 8, rate: .kilobits(2500)), kept: 1600, frames: 28),
        Plan(
            testDescription: "all of it together",
            uplink: LinkConditions(
                jitter: .milliseconds(10), loss: 0.01, burstChance: 0.002, burstLength: 6, duplication: 0.05,
                reordering: 0.05, rate: .kilobits(2500)),
            kept: 1400, frames: 27),
    ]

    @Test("Disorder: the rate is kept and the picture whole", arguments: plans)
    func disorder(plan: Plan) throws {
        let pair = try sending(plan.uplink, seed: 1)
        try pair.simulation.run(for: .seconds(21))
        let course = Course(pair, last: .seconds(15))
        let snapshot = pair.kiosk.session.snapshot
        look(plan.testDescription, "\(course), \(snapshot.packetsRetransmitted) of \(snapshot.packetsSent) again")
        #expect(course.kilobits >= plan.kept)
        #expect(course.framesPerSecond >= plan.frames)
        #expect(course.longestGap <= .milliseconds(700))
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(snapshot.srtpSendErrors.total == 0)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    @Test("From 2.5 to 1.0 and back to 2.5 Mbit/s")
    func steps() throws {
        let pair = try sending(Self.link(2500), seed: 1)
        try pair.simulation.run(for: .seconds(10))
        let wide = Course(pair, last: .seconds(5))
        change(pair, to: Self.link(1000))
        try pair.simulation.run(for: .seconds(2))
        try pair.simulation.run(for: .seconds(10))
        let narrow = Course(pair, last: .seconds(10))
        change(pair, to: Self.link(2500))
        try pair.simulation.run(for: .seconds(12))
        let again = Course(pair, last: .seconds(4))
        look("steps", "\(wide); \(narrow); \(again)")
        #expect(wide.kilobits >= 1900 && wide.framesPerSecond >= 29)
        #expect(narrow.kilobits >= 700 && narrow.framesPerSecond >= 28)
        #expect(narrow.worstDelay < .milliseconds(300))
        #expect(again.kilobits >= 1800 && again.framesPerSecond >= 29)
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(Double(pair.monitor.audio.count) >= Double(pair.audioSent) * 0.98)
    }

    /// The interface in use goes away; the other one's link is narrower, and the session goes on there without signaling.
    @Test("Another path, which carries less")
    func anotherPath() throws {
        let pair = try sending(Self.link(2500), kioskAddresses: ["10.1.0.2", "10.1.0.3"], seed: 1)
        try pair.simulation.run(for: .seconds(8))
        pair.isSignalingUp = false
        let base = try #require(pair.kiosk.session.selectedPath?.base)
        change(pair, to: Self.link(800))
        pair.kiosk.session.removeLocalAddress(base, now: pair.simulation.now)
        let number = pair.framesSent
        let took = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.monitor.video.contains { $0.number >= number } })
        try pair.simulation.run(for: .seconds(14))
        let course = Course(pair, last: .seconds(10))
        look("another path", "after \(Int(took.milliseconds)) ms; \(course)")
        #expect(took < .milliseconds(800))
        #expect(course.kilobits >= 500 && course.framesPerSecond >= 28)
        #expect(course.worstDelay < .milliseconds(400))
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }
}
