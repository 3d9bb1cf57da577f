import Primitives
import RTP
import TestSupport
import Testing

@testable import Peer

/// Pictures that were dropped before they left: the receiver sees no gap, so nothing that refers to them may follow.
@Suite struct ReferenceTests {
    /// Every picture that came refers to one that came.
    private func expectReferences(_ pair: Pair) {
        let numbers = Set(pair.monitor.video.map(\.number))
        for frame in pair.monitor.video where !frame.isKeyframe {
            #expect(numbers.contains(frame.number - 1), "\(frame.number) refers to a picture that never came")
        }
    }

    /// A pair whose encoder has eight pictures on their way when a keyframe is asked for.
    private func sending(seed: UInt64 = 1) throws -> Pair {
        let pair = try Pair(seed: seed)
        _ = try #require(try pair.connect())
        pair.keyframeDelay = 8
        pair.startMedia()
        try pair.simulation.run(for: .seconds(3))
        return pair
    }

    @Test("Pictures that waited too long", arguments: [1, 2, 3] as [UInt64])
    func waitedTooLong(seed: UInt64) throws {
        let pair = try sending(seed: seed)
        // The path swallows all: the rate falls, and what the encoder makes waits.
        pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(8))
        pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = false }
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(6))
        #expect(pair.kiosk.session.snapshot.mediaDrops[.waitedTooLong] > 0)
        #expect(pair.kiosk.session.snapshot.mediaDrops[.missingReference] > 0)
        #expect(pair.monitor.video.count > before + 60)
        expectReferences(pair)
    }

    @Test("Pictures that were made without a path")
    func withoutPath() throws {
        let pair = try sending()
        let address = SocketAddress("10.1.0.2:40000")!
        pair.kiosk.session.removeLocalAddress(address, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.session.snapshot.sessionDrops[.withoutPath] > 20)
        let before = pair.monitor.video.count
        pair.kiosk.session.addLocalAddress(address, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.kiosk.session.snapshot.mediaDrops[.missingReference] > 0)
        #expect(pair.monitor.video.count > before + 60)
        expectReferences(pair)
    }

    @Test("A picture too large for the history")
    func tooLarge() throws {
        let pair = try sending()
        let ordinary = pair.frameSize
        let requests = pair.kiosk.keyframeRequests
        pair.frameSize = 700_000
        try pair.simulation.run(for: .milliseconds(34))
        pair.frameSize = ordinary
        try pair.simulation.run(for: .seconds(3))
        #expect(pair.kiosk.session.snapshot.rtpDrops[.frameTooLarge] >= 1)
        #expect(pair.kiosk.keyframeRequests > requests)
        #expect(pair.kiosk.session.snapshot.mediaDrops[.missingReference] > 0)
        expectReferences(pair)
        #expect(pair.monitor.video.last.map { pair.framesSent - $0.number < 10 } == true)
    }
}
