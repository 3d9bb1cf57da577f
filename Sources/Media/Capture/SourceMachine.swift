import Primitives

/// Whether a camera or microphone is open, and when it is tried again. No thread, no clock, no device: `SourceLoop`
/// does what `order` says and tells what came of it.
///
/// ```
///                gate opens             first frame
///    closed ──────────────▶ opening ──────────────▶ flowing
///      ▲                     ▲    │ fails              │ fails
///      │          time, or   │    ▼                    ▼
///      │   devices changed   ├── retrying ◀──────── passing: busy, gone, stalled
///      │                     └── faulted  ◀──────── lasting: not allowed, no usable format
///      └──── gate closes, from anywhere ────┘
/// ```
///
/// A passing fault ends by itself, so the device is tried again soon; a lasting one needs a technician, so the device is
/// tried seldom. Both are tried at once whenever a device came or went.
struct SourceMachine: Sendable {
    enum Phase: Hashable, Sendable {
        /// → opening
        case closed
        /// → flowing, retrying, faulted, absent, closed
        case opening
        /// → retrying, faulted, closed
        case flowing(since: Instant)
        /// → opening, closed
        case retrying(until: Instant)
        /// → opening, closed
        case faulted(until: Instant)
        /// There is nothing to open, by configuration. → closed
        case absent
    }

    /// What a fault needs to heal.
    enum Fault: Hashable, Sendable {
        case passing
        case lasting
    }

    enum Order: Hashable, Sendable {
        /// Wait for the gate.
        case rest
        /// Open the device, and keep taking frames until it fails or the gate closes.
        case open
        /// Wait for this time, the gate or a change of devices.
        case wait(until: Instant)
    }

    private(set) var phase: Phase
    /// Faults in a row, without frames flowing for `settled` in between.
    private(set) var failures: Int

    /// A device that comes back after a reset of its port is there within a quarter of a second.
    static let firstRetry = Duration.milliseconds(250)
    /// Opening costs little, and a monitor waits for the picture.
    static let longestRetry = Duration.seconds(2)
    static let firstLook = Duration.seconds(1)
    /// A person who changes permissions or plugs does not wait longer for the answer.
    static let longestLook = Duration.seconds(8)
    /// When frames have flowed for so long, earlier faults do not count any more.
    static let settled = Duration.seconds(5)

    init() {
        phase = .closed
        failures = 0
    }

    var order: Order {
        switch phase {
        case .closed, .absent: .rest
        case .opening, .flowing: .open
        case .retrying(let until), .faulted(let until): .wait(until: until)
        }
    }

    /// - Returns: whether the device has just been closed for good.
    mutating func gateIs(open isOpen: Bool) -> Bool {
        switch (phase, isOpen) {
        case (.closed, false): return false
        case (_, false):
            phase = .closed
            failures = 0
            return true
        case (.closed, true):
            phase = .opening
            return false
        case (_, true): return false
        }
    }

    /// The first frame of this opening is there.
    mutating func delivered(now: Instant) {
        guard case .opening = phase else { return }
        phase = .flowing(since: now)
    }

    /// There is nothing to open.
    mutating func isAbsent() { phase = .absent }

    /// The device let itself be closed without a fault, because its gate moved: it is opened again if that is open.
    mutating func interrupted() {
        if case .flowing = phase { phase = .opening }
    }

    mutating func failed(_ fault: Fault, now: Instant) {
        if case .flowing(let since) = phase, now - since >= SourceMachine.settled { failures = 0 }
        failures += 1
        switch fault {
        case .passing:
            phase = .retrying(until: now + backoff(SourceMachine.firstRetry, SourceMachine.longestRetry))
        case .lasting:
            phase = .faulted(until: now + backoff(SourceMachine.firstLook, SourceMachine.longestLook))
        }
    }

    /// A device of this kind came or went: whatever was wrong may be right now.
    mutating func devicesChanged() {
        switch phase {
        case .retrying, .faulted:
            phase = .opening
            failures = 0
        case .closed, .opening, .flowing, .absent: break
        }
    }

    mutating func handleTimeout(now: Instant) {
        switch phase {
        case .retrying(let until) where until <= now, .faulted(let until) where until <= now: phase = .opening
        case .closed, .opening, .flowing, .retrying, .faulted, .absent: break
        }
    }

    private func backoff(_ first: Duration, _ longest: Duration) -> Duration {
        min(longest, first * (1 << min(failures - 1, 8)))
    }
}
