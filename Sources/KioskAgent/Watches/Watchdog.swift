import Primitives

/// Whether the agent makes progress, judged from when its threads last went round their loops and whether frames
/// flow. Only then the service manager hears that it is alive.
struct Watchdog: Sendable {
    /// One thread's last sign of life; nil while it rests on purpose.
    struct Thread: Sendable {
        var name: String
        var lastBeat: Instant?
        /// How long it may be silent: a name server or a dying disk can hold one for a while.
        var patience: Duration
    }

    /// Since when pictures have been expected without one more frame encoded.
    private var framesSeen: UInt64
    private var framesSince: Instant?
    /// How often the service manager wants to hear from the agent at the latest; nil: it does not.
    private let timeout: Duration?
    /// When the next verdict is due; nil before `started`, and when nobody wants one.
    private(set) var nextTimeout: Instant?

    /// A picture every so often, as long as `Supervisor.expectsPictures`.
    static let framePatience = Duration.seconds(10)

    init(timeout: Duration?) {
        framesSeen = 0
        framesSince = nil
        self.timeout = timeout
        nextTimeout = nil
    }

    /// The agent is ready: the first verdict is due at once.
    mutating func started(now: Instant) { nextTimeout = timeout.map { _ in now } }

    /// What is stuck, or nil when all goes on.
    mutating func verdict(
        _ threads: [Thread], expectsPictures: Bool, framesEncoded: UInt64, now: Instant
    ) -> String? {
        nextTimeout = timeout.map { now + $0 / 3 }
        for thread in threads {
            if let last = thread.lastBeat, now - last > thread.patience {
                return "thread \(thread.name) is stuck for \(Int((now - last).seconds)) s"
            }
        }
        guard expectsPictures else {
            framesSince = nil
            return nil
        }
        if framesSince == nil || framesEncoded != framesSeen {
            framesSeen = framesEncoded
            framesSince = now
        }
        guard let since = framesSince, now - since > Watchdog.framePatience else { return nil }
        return "no frame encoded for \(Int((now - since).seconds)) s"
    }
}
