import Primitives

/// How much may be on its way beside traffic that goes first: the window of LEDBAT (RFC 6817), measured by round trips.
///
/// A loss-based window fills the queue in front of the narrowest link, and everything else waits in it. This one grows while
/// round trips are near the shortest one known and shrinks as soon as they are longer by more than `target`, so that the
/// queue stays about that long whatever the link carries.
///
/// The shortest round trip is that of the last minutes, minute by minute, so that another path is noticed (section 4.2,
/// BASE_HISTORY); the current one is the shortest of the last few, which acknowledgements that were delayed do not touch
/// (section 3.4.2, the MIN filter).
struct CourtesyWindow: Sendable {
    /// Minutes that the shortest round trip is remembered for.
    private static let history = 10
    /// Measurements that the current round trip is the shortest of.
    private static let filter = 4
    /// MIN_CWND of section 2.5, in packets.
    private static let minimum = 2
    private static let maximum = 1 << 20

    private let packetSize: Int
    /// How much longer than the shortest a round trip may be.
    private let target: Duration
    /// Bytes of chunks.
    private(set) var value: Int
    private var shortest: InlineArray<10, Duration>
    private var minute: Int
    private var minuteBeganAt: Instant?
    private var recent: InlineArray<4, Duration>
    private var samples: Int
    /// What the growth has left over of a byte.
    private var remainder: Double

    init(target: Duration, packetSize: Int) {
        precondition(target > .zero, "sctp: a courtesy window without a target")
        self.packetSize = packetSize
        self.target = target
        value = Self.minimum * packetSize
        shortest = InlineArray(repeating: .seconds(3600))
        minute = 0
        minuteBeganAt = nil
        recent = InlineArray(repeating: .seconds(3600))
        samples = 0
        remainder = 0
    }

    /// Whether something more may be on its way beside `flight`.
    func hasRoom(beside flight: Int) -> Bool { flight < value }

    /// `bytes` were acknowledged for the first time, `flight` was on its way before, and one of the packets took
    /// `roundTrip`; nil where none tells.
    mutating func noteAcknowledged(_ bytes: Int, flight: Int, roundTrip: Duration?, now: Instant) {
        if let roundTrip { measure(roundTrip, now: now) }
        guard samples > 0 else { return }
        let offTarget = 1 - queueing.seconds / target.seconds
        let change = max(offTarget, -1) * Double(bytes) * Double(packetSize) / Double(value) + remainder
        remainder = change - change.rounded(.towardZero)
        // ALLOWED_INCREASE: a window that was not used does not grow.
        let grown = min(value + Int(change), max(value, flight + packetSize))
        value = min(max(grown, Self.minimum * packetSize), Self.maximum)
    }

    /// Data were lost: "cwnd = min (cwnd, max (cwnd/2, MIN_CWND * MSS))".
    mutating func noteLoss() { value = max(value / 2, Self.minimum * packetSize) }

    /// Nothing came back for a whole timeout.
    mutating func noteTimeout() { value = Self.minimum * packetSize }

    private mutating func measure(_ roundTrip: Duration, now: Instant) {
        if let began = minuteBeganAt {
            if now - began >= .seconds(60) {
                minute = (minute + 1) % Self.history
                shortest[minute] = roundTrip
                minuteBeganAt = now
            }
        } else {
            minuteBeganAt = now
        }
        shortest[minute] = min(shortest[minute], roundTrip)
        recent[samples % Self.filter] = roundTrip
        samples += 1
        // It wraps where it changes nothing.
        if samples == 2 * Self.filter { samples = Self.filter }
    }

    /// How long packets wait in queues now.
    private var queueing: Duration {
        var (base, current) = (shortest[0], recent[0])
        for index in shortest.indices { base = min(base, shortest[index]) }
        for index in recent.indices { current = min(current, recent[index]) }
        return max(.zero, current - base)
    }
}
