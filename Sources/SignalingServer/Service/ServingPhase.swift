internal import Primitives
internal import Records

/// Whether the server lets anybody in, and until when it serves those who are there.
///
///     serving ──asked to stop──▶ stopping(until:) ──deadline, or nobody left──▶ over
///                                       └──asked again──▶ stopping(until: now)
enum ServingPhase: Equatable {
    case serving
    /// Nobody is let in any more.
    case stopping(until: Instant)

    var isStopping: Bool { self != .serving }

    var deadline: Instant? {
        switch self {
        case .serving: nil
        case .stopping(let deadline): deadline
        }
    }

    /// - Returns: whether it begins to stop; asked a second time, it is over at once.
    mutating func stopAsked(within timeout: Duration, now: Instant) -> Bool {
        switch self {
        case .serving:
            self = .stopping(until: now + timeout)
            return true
        case .stopping:
            self = .stopping(until: now)
            return false
        }
    }

    func isOver(connections: Int, now: Instant) -> Bool {
        switch self {
        case .serving: false
        case .stopping(let deadline): deadline <= now || connections == 0
        }
    }

    /// Why a load balancer should send nobody here; nil when it may.
    func obstacle(_ records: RecordsHealth) -> String? {
        switch (self, records) {
        case (.stopping, _): "the server is stopping"
        case (.serving, .well): nil
        case (.serving, .unwritable): "the records cannot be written"
        case (.serving, .littleSpace): "little space is left for the records"
        }
    }
}
