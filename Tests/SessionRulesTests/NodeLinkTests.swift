import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

/// Two ends of a link with a bus between them that the test holds in its hands.
@Suite struct NodeLinkTests {
    var a = NodeLink(start: 1, now: .zero)
    var b = NodeLink(start: 7, now: .zero)
    var now = Instant.zero

    private static func message(_ id: String) -> NodeMessage { .sessionTaken(id) }

    private mutating func tick(_ duration: Duration) {
        now += duration
        a.handleTimeout(now: now)
        b.handleTimeout(now: now)
    }

    /// Carries what both ends have to say until they have nothing left.
    private mutating func exchange() {
        while true {
            let (fromA, fromB) = (a.takeFrames(), b.takeFrames())
            if fromA.isEmpty, fromB.isEmpty { return }
            for frame in fromA { b.received(frame, now: now) }
            for frame in fromB { a.received(frame, now: now) }
        }
    }

    private mutating func join() {
        for _ in 0..<3 {
            tick(.seconds(1))
            exchange()
        }
        #expect(a.takeEvents() == [.joined] && b.takeEvents() == [.joined])
    }

    @Test mutating func bothHearEachOtherAndMessagesArriveInOrder() {
        join()
        a.send(Self.message("1"), now: now)
        a.send(Self.message("2"), now: now)
        exchange()
        #expect(b.takeEvents() == [.received(Self.message("1")), .received(Self.message("2"))])
        tick(.seconds(1))
        #expect(a.takeFrames().allSatisfy { $0.message == nil }, "what is acknowledged is not sent again")
    }

    @Test mutating func whatWasLostComesAgainAndWhatWasRepeatedCountsOnce() {
        join()
        a.send(Self.message("1"), now: now)
        _ = a.takeFrames()
        a.send(Self.message("2"), now: now)
        for frame in a.takeFrames() { b.received(frame, now: now) }
        #expect(b.takeEvents().isEmpty, "the second does not overtake the first")
        tick(.milliseconds(400))
        let again = a.takeFrames()
        for frame in again + again { b.received(frame, now: now) }
        #expect(b.takeEvents() == [.received(Self.message("1")), .received(Self.message("2"))])
    }

    @Test mutating func whoIsSilentIsGivenUpAndJoinsAnew() {
        join()
        a.send(Self.message("1"), now: now)
        for _ in 0..<6 {
            tick(.seconds(1))
            _ = a.takeFrames()
            _ = b.takeFrames()
        }
        #expect(
            a.takeEvents() == [.left(undelivered: [Self.message("1")])] && b.takeEvents() == [.left(undelivered: [])])
        a.send(Self.message("2"), now: now)
        tick(.seconds(1))
        exchange()
        tick(.seconds(1))
        exchange()
        #expect(a.takeEvents() == [.joined])
        #expect(b.takeEvents() == [.joined], "nothing of before arrives")
    }

    @Test mutating func oneThatGaveTheOtherUpIsForgottenByThatOneToo() {
        join()
        // Only what b says is lost.
        for _ in 0..<5 {
            tick(.seconds(1))
            for frame in a.takeFrames() { b.received(frame, now: now) }
            _ = b.takeFrames()
        }
        #expect(a.takeEvents() == [.left(undelivered: [])])
        tick(.seconds(1))
        exchange()
        #expect(b.takeEvents().first == .left(undelivered: []))
    }

    @Test mutating func framesOfAnEarlierStartAreNobodys() {
        join()
        a.send(Self.message("1"), now: now)
        let old = a.takeFrames()
        a = NodeLink(start: 2, now: now)
        for _ in 0..<3 {
            tick(.seconds(1))
            exchange()
        }
        #expect(b.takeEvents() == [.left(undelivered: []), .joined])
        for frame in old { b.received(frame, now: now) }
        #expect(b.takeEvents().isEmpty && b.isJoined)
    }
}
