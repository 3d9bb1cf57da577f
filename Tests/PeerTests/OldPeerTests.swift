import Congestion
import Peer
import Primitives
import TestSupport
import Testing

@testable import RTP

/// Peers without transport-wide feedback: what they lose and what they estimate decides.
@Suite struct OldPeerTests {
    enum Feedback: CaseIterable, Sendable {
        /// The receiver estimates, as browsers did before they reported each packet (REMB).
        case estimates
        /// Receiver reports only.
        case reports
    }

    /// The estimate of a receiver that measures well: nine tenths of what its path carries.
    private final class Receiver {
        var carried: Bitrate
        private let pair: Pair
        private let voice: MonitorVoice

        init(_ pair: Pair, carried: Bitrate) throws {
            self.pair = pair
            self.carried = carried
            voice = try MonitorVoice(pair)
        }

        func speak() {
            if let video = voice.videoSource {
                try? voice.say {
                    $0.writeReceiverEstimate(sender: MonitorVoice.source, carried * 0.9, sources: [video])
                }
            }
            pair.simulation.schedule(after: .milliseconds(500)) { [self] in speak() }
        }
    }

    private struct Setting {
        var pair: Pair
        var receiver: Receiver?

        func change(to uplink: LinkConditions) {
            pair.simulation.network.setLinks(of: pair.kioskHost, uplink: uplink, downlink: LinkConditions())
            if let rate = uplink.rate { receiver?.carried = rate }
        }
    }

    private func sending(_ feedback: Feedback, over uplink: LinkConditions, seed: UInt64) throws -> Setting {
        let pair = try Pair(seed: seed, bitrates: PeerBitrates(maximumVideo: .kilobits(2600)))
        pair.changeOffer = { offer in
            offer.split(separator: "\r\n", omittingEmptySubsequences: false).filter { line in
                !line.contains("transport-cc") && !line.contains("transport-wide-cc")
                    && (feedback == .estimates || !line.contains("goog-remb"))
            }.joined(separator: "\r\n")
        }
        _ = try #require(try pair.connect())
        let receiver =
            try feedback == .estimates ? Receiver(pair, carried: uplink.rate ?? .kilobits(2500)) : nil
        let setting = Setting(pair: pair, receiver: receiver)
        setting.change(to: uplink)
        receiver?.speak()
        pair.encoderFollows = true
        pair.startMedia()
        return setting
    }

    private func expectAlive(_ pair: Pair) {
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
        #expect(pair.kiosk.session.snapshot.congestion?.probes == 0, "without feedback a probe tells nothing")
    }

    @Test("A wide path is found", arguments: Feedback.allCases)
    func wide(_ feedback: Feedback) throws {
        let setting = try sending(feedback, over: LinkConditions(rate: .kilobits(2500)), seed: 1)
        try setting.pair.simulation.run(for: .seconds(18))
        let course = Course(setting.pair, last: .seconds(4))
        look("wide, \(feedback)", "\(course)")
        #expect(course.kilobits >= 1500)
        #expect(course.framesPerSecond >= 28)
        expectAlive(setting.pair)
    }

    @Test(
        "Loss", arguments: Feedback.allCases, [(0.05, 600.0, 29.0), (0.15, 120.0, 25.0)])
    func loss(_ feedback: Feedback, plan: (loss: Double, kept: Double, frames: Double)) throws {
        let setting = try sending(
            feedback, over: LinkConditions(loss: plan.loss, rate: .kilobits(2500)), seed: 2)
        try setting.pair.simulation.run(for: .seconds(12))
        let course = Course(setting.pair, last: .seconds(6))
        look("loss \(plan.loss), \(feedback)", "\(course)")
        #expect(course.kilobits >= plan.kept)
        #expect(course.framesPerSecond >= plan.frames)
        #expect(course.longestGap <= .seconds(1))
        expectAlive(setting.pair)
    }

    @Test("A narrow link", arguments: Feedback.allCases)
    func narrow(_ feedback: Feedback) throws {
        let setting = try sending(feedback, over: LinkConditions(rate: .kilobits(200)), seed: 1)
        let pair = setting.pair
        try pair.simulation.run(for: .seconds(12))
        let (before, sent) = (pair.monitor.audio.count, pair.audioSent)
        try pair.simulation.run(for: .seconds(18))
        let course = Course(pair, last: .seconds(18))
        let sound = Double(pair.monitor.audio.count - before) / Double(pair.audioSent - sent)
        look("narrow, \(feedback)", "\(course), \(sound) of the sound")
        #expect(course.framesPerSecond >= 25)
        #expect(course.longestGap <= .milliseconds(500))
        #expect(sound >= 0.97)
        #expect(try #require(pair.kiosk.videoBitrate) < .kilobits(200))
        expectAlive(pair)
    }

    @Test("From 1.5 to 0.6 Mbit/s", arguments: Feedback.allCases)
    func stepDown(_ feedback: Feedback) throws {
        let setting = try sending(feedback, over: LinkConditions(rate: .kilobits(1500)), seed: 1)
        let pair = setting.pair
        try pair.simulation.run(for: .seconds(15))
        let wide = Course(pair, last: .seconds(5))
        setting.change(to: LinkConditions(rate: .kilobits(600)))
        try pair.simulation.run(for: .seconds(5))
        let falling = Course(pair, last: .seconds(5))
        try pair.simulation.run(for: .seconds(10))
        let narrow = Course(pair, last: .seconds(10))
        look("down, \(feedback)", "\(wide); \(falling); \(narrow)")
        #expect(wide.kilobits >= 800 && wide.framesPerSecond >= 28)
        #expect(falling.longestGap <= .milliseconds(1300))
        #expect(narrow.kilobits >= 300 && narrow.framesPerSecond >= 25)
        // Reports come once a second, and what is too much meanwhile has to wait.
        #expect(narrow.worstDelay < (feedback == .estimates ? .milliseconds(300) : .milliseconds(1500)))
        #expect(try #require(pair.kiosk.videoBitrate) < .kilobits(700))
        expectAlive(pair)
    }
}
