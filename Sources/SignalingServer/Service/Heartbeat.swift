internal import Primitives

/// Tells a service manager's watchdog at an even pace that the server makes progress.
struct Heartbeat {
    private let interval: Duration
    private let beat: () -> Void
    /// When it is to be told next.
    private(set) var next: Instant

    init(every interval: Duration, _ beat: @escaping () -> Void) {
        self.interval = interval
        self.beat = beat
        next = .zero
    }

    /// - Parameter isAlive: asked when it is due.
    mutating func handleTimeout(now: Instant, isAlive: () -> Bool) {
        guard now >= next else { return }
        next = now + interval
        if isAlive() { beat() }
    }
}
