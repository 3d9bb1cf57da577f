import Primitives
import TestSupport
import Testing

@testable import Peer
@testable import RTP

/// A peer that asks for keyframes without measure gets as many as it needs.
@Suite struct KeyframeSpacingTests {
    enum Request: CaseIterable, Sendable {
        case pictureLoss, fullIntra, both
    }

    private let pair: Pair
    private let voice: MonitorVoice

    init() throws {
        pair = try Pair()
        _ = try #require(try pair.connect())
        voice = try MonitorVoice(pair)
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
    }

    /// Each full intra request is a new one, not the repetition of one that was honoured.
    private func ask(_ request: Request, _ number: Int) throws {
        let video = try #require(voice.videoSource)
        try voice.say { writer in
            if request != .fullIntra { writer.writePictureLossIndication(sender: MonitorVoice.source, media: video) }
            if request != .pictureLoss {
                writer.writeFullIntraRequest(
                    sender: MonitorVoice.source, media: video, sequence: UInt8(truncatingIfNeeded: number))
            }
        }
    }

    @Test("A burst costs one keyframe, and a later request is honoured", arguments: Request.allCases)
    func burst(_ request: Request) throws {
        let (requests, keyframes) = (pair.kiosk.keyframeRequests, pair.monitor.video.count { $0.isKeyframe })
        for number in 0..<60 {
            try ask(request, number)
            try pair.simulation.run(for: .milliseconds(3))
        }
        #expect(pair.kiosk.keyframeRequests == requests + 1)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.keyframeRequests == requests + 1)
        #expect(pair.monitor.video.count { $0.isKeyframe } == keyframes + 1)
        try ask(request, 60)
        try pair.simulation.run(for: .milliseconds(100))
        #expect(pair.kiosk.keyframeRequests == requests + 2)
        try pair.simulation.run(for: .milliseconds(100))
        #expect(pair.monitor.video.count { $0.isKeyframe } == keyframes + 2)
    }

    @Test("Who asks all the time gets one for each spacing", arguments: Request.allCases)
    func flood(_ request: Request) throws {
        let requests = pair.kiosk.keyframeRequests
        for number in 0..<400 {
            try ask(request, number)
            try pair.simulation.run(for: .milliseconds(5))
        }
        // 2 s, and the one at their beginning.
        let spacings = Int(Duration.seconds(2) / KeyframeSpacing.least)
        #expect((spacings...spacings + 1).contains(pair.kiosk.keyframeRequests - requests))
        // Between keyframes there are pictures.
        #expect(pair.monitor.video.suffix(50).count { !$0.isKeyframe } > 35)
    }

    @Test("A full intra request that is repeated is one, however late it comes again")
    func repeated() throws {
        let requests = pair.kiosk.keyframeRequests
        for _ in 0..<5 {
            try ask(.fullIntra, 7)
            try pair.simulation.run(for: .milliseconds(400))
        }
        #expect(pair.kiosk.keyframeRequests == requests + 1)
        #expect(pair.kiosk.session.snapshot.rtpDrops[.repeatedFullIntraRequest] == 4)
    }
}
