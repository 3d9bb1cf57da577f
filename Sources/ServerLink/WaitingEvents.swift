import Primitives
import Signaling

/// Events for the server that came while the link was down, oldest first, and of which sessions they must be to be still worth sending.
struct WaitingEvents: Sendable {
    /// The oldest go first.
    static let limit = 200

    /// The sessions that the kiosk carries.
    var carriedSessions: [String] = []
    private var events = RingBuffer<ClientEvent>()

    mutating func append(_ event: ClientEvent) {
        // The supervisor asks again, with each registration that finds no offer.
        if case .restartRequest = event { return }
        if events.count == WaitingEvents.limit { _ = events.popFirst() }
        events.append(event)
    }

    /// All that are still of use, in their order.
    mutating func takeAll() -> [ClientEvent] {
        var taken: [ClientEvent] = []
        while let event = events.popFirst() { if belongsToNow(event) { taken.append(event) } }
        return taken
    }

    /// Events of a session that has ended meanwhile are not sent, except the reports for the audit.
    private func belongsToNow(_ event: ClientEvent) -> Bool {
        switch event {
        case .offer(_, let session, _), .answer(_, let session, _), .iceCandidate(_, let session, _),
            .restartRequest(_, let session), .sessionError(_, let session, _):
            session.map(carriedSessions.contains) ?? false
        case .registerKiosk, .registerMonitor, .startMonitoring, .stopMonitoring, .sessionReport, .heartbeatPing, .crew:
            true
        }
    }
}
