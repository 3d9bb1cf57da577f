import Primitives
import Testing

@testable import SCTP

/// The window beside traffic that goes first (RFC 6817), without a network.
@Suite struct CourtesyWindowTests {
    private static let packet = 1000

    private func window() -> CourtesyWindow { CourtesyWindow(target: .milliseconds(10), packetSize: Self.packet) }

    /// So many acknowledgements of a full window, one a round trip. Returns when the last one came.
    private func rounds(
        _ count: Int, _ window: inout CourtesyWindow, roundTrip: Int64, from start: Instant = .zero
    ) -> Instant {
        var now = start
        for _ in 0..<count {
            now = now + .milliseconds(roundTrip)
            window.noteAcknowledged(window.value, flight: window.value, roundTrip: .milliseconds(roundTrip), now: now)
        }
        return now
    }

    @Test("Without a queue it grows by a packet a round trip, and not before a measurement")
    func grows() {
        var window = window()
        #expect(window.value == 2 * Self.packet)
        window.noteAcknowledged(1000, flight: 2000, roundTrip: nil, now: .zero)
        #expect(window.value == 2 * Self.packet)
        _ = rounds(20, &window, roundTrip: 40)
        #expect(window.value == 22 * Self.packet)
    }

    @Test("Round trips that are longer by the target hold it, longer ones shrink it, to two packets at least")
    func yields() {
        var window = window()
        var now = rounds(20, &window, roundTrip: 40)
        now = rounds(4, &window, roundTrip: 50, from: now)
        let held = window.value
        now = rounds(20, &window, roundTrip: 50, from: now)
        #expect(window.value == held)
        now = rounds(5, &window, roundTrip: 70, from: now)
        #expect(window.value < held)
        _ = rounds(60, &window, roundTrip: 70, from: now)
        #expect(window.value == 2 * Self.packet)
    }

    @Test("One acknowledgement that was delayed changes nothing")
    func delayed() {
        var window = window()
        let now = rounds(20, &window, roundTrip: 40)
        let before = window.value
        _ = rounds(1, &window, roundTrip: 240, from: now)
        #expect(window.value == before + Self.packet)
    }

    @Test("A window that is not used does not grow")
    func unused() {
        var window = window()
        var now = rounds(20, &window, roundTrip: 40)
        let before = window.value
        for _ in 0..<20 {
            now = now + .milliseconds(40)
            window.noteAcknowledged(1000, flight: 1000, roundTrip: .milliseconds(40), now: now)
        }
        #expect(window.value == before)
    }

    @Test("A loss halves it, a timeout leaves two packets")
    func losses() {
        var window = window()
        _ = rounds(20, &window, roundTrip: 40)
        window.noteLoss()
        #expect(window.value == 11 * Self.packet)
        window.noteTimeout()
        #expect(window.value == 2 * Self.packet)
        window.noteLoss()
        #expect(window.value == 2 * Self.packet)
    }

    @Test("A longer path is its own shortest round trip once ten minutes are over")
    func anotherPath() {
        var window = window()
        var now = rounds(20, &window, roundTrip: 40)
        now = rounds(5 * 60 * 9, &window, roundTrip: 200, from: now)
        #expect(window.value == 2 * Self.packet)
        _ = rounds(5 * 60 * 3, &window, roundTrip: 200, from: now)
        #expect(window.value > 100 * Self.packet)
    }
}
