import Peer
import Primitives
import TestSupport
import Testing

@testable import PeerIO

/// A kernel that takes no packets for a while.
@Suite struct BackpressureTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    @Test func asLongAsPacketsLeaveTheSessionDecides() {
        var backpressure = Backpressure()
        let wake = Wake(at: start, reason: .pacer)
        #expect(backpressure.postpone(wake) == wake)
        backpressure.hold(now: start)
        #expect(backpressure.postpone(wake) == Wake(at: start + Backpressure.step, reason: .pacer))
        #expect(backpressure.postpone(nil) == nil)
        let later = Wake(at: start + .seconds(1), reason: .iceConsent)
        #expect(backpressure.postpone(later) == later)
        backpressure.release()
        #expect(backpressure.postpone(wake) == wake)
    }

    @Test func whatComesInMeanwhileDoesNotPutTheStepOff() {
        var backpressure = Backpressure()
        for millisecond in 0...100 { backpressure.hold(now: start + .milliseconds(Int64(millisecond))) }
        let wake = Wake(at: start, reason: .pacer)
        #expect(backpressure.postpone(wake)?.at == start + Backpressure.step)
        backpressure.release()
        backpressure.hold(now: start + .milliseconds(100))
        #expect(backpressure.postpone(wake)?.at == start + .milliseconds(100) + Backpressure.step)
    }

    /// Media goes on while nothing of the session can leave: the thread has a deadline in the future all the time, and
    /// afterwards the picture comes back.
    @Test func aSessionThatIsNotEmptiedDoesNotSpin() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        var backpressure = Backpressure()
        var frame = EncodedFrame(kind: .video, capacity: 3000)
        frame.withUnsafeMutableMemory(resizedTo: 3000) { memory in
            for index in 0..<3000 { memory[index] = 1 }
        }
        var now = pair.simulation.now
        var hasWantedThePast = false
        for _ in 0..<90 {
            now += .milliseconds(33)
            frame.captureTime = now
            pair.kiosk.session.send(frame, now: now)
            backpressure.hold(now: now)
            if let wake = backpressure.postpone(pair.kiosk.nextTimeout), wake.at <= now {
                backpressure.release()
                pair.kiosk.session.handleTimeout(now: now)
                backpressure.hold(now: now)
            }
            let wanted = try #require(pair.kiosk.nextTimeout)
            if wanted.at <= now { hasWantedThePast = true }
            let wake = try #require(backpressure.postpone(wanted))
            #expect(wake.at > now)
        }
        #expect(hasWantedThePast)
        #expect(pair.kiosk.session.snapshot.mediaDrops[.waitedTooLong] > 0, "its time went on")
        backpressure.release()
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(6))
        #expect(pair.monitor.video.count > before + 60)
    }
}
