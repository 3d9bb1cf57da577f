internal import SessionRules

/// Ends of sessions that the records could not take when they were told: a disk that was full, another process's lock.
///
/// The records hold one open session of each kiosk. One whose end is not written down would keep its kiosk's next session out, so that
/// ends are owed, and written before the next beginning.
public struct OwedEnds: Sendable {
    /// Far more than one server has kiosks. Only sessions that were never recorded either could make them more.
    public static let limit = 20_000

    /// Oldest first, each session's once.
    private var requests: [RecordRequest]
    private var sessions: Set<String>

    /// None is owed.
    public init() {
        requests = []
        sessions = []
    }

    /// Whether nothing is owed.
    public var isEmpty: Bool { requests.isEmpty }

    /// Looks at an answer that is given: the end of a session that failed is owed.
    public mutating func answered(_ answer: RecordAnswer) {
        guard case .failed(let request, .unavailable) = answer, case .keep(.sessionEnded(let id, _, _, _)) = request,
            requests.count < OwedEnds.limit, sessions.insert(id).inserted
        else { return }
        requests.append(request)
    }

    /// What is to be performed in place of `requests`: what is owed goes ahead where a session begins.
    public mutating func ahead(of requests: [RecordRequest]) -> [RecordRequest] {
        let begins = requests.contains { if case .keep(.sessionBegan) = $0 { true } else { false } }
        return begins ? take() + requests : requests
    }

    /// What is owed, to be performed now; what fails again is owed again.
    public mutating func take() -> [RecordRequest] {
        defer { self = OwedEnds() }
        return requests
    }
}
