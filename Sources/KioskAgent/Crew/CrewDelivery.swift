import Primitives
import Signaling

/// When which crew event goes to the server: one at a time, the oldest first, again until it is answered. That keeps
/// the order whatever gets lost; the server knows an event it has seen by its id.
struct CrewDelivery: Sendable {
    enum Outcome: Equatable, Sendable {
        case nothing
        /// The server has it.
        case delivered(eventId: String)
        /// The server will never take it: it stays here for a person, and the next one gets its turn.
        case rejected(eventId: String, reason: String)
    }

    private struct Flight: Sendable {
        var eventId: String
        var since: Instant
    }

    private var isRegistered: Bool
    private var flight: Flight?
    private var retryAt: Instant?
    private var refusals: Int

    private static let answerTimeout = Duration.seconds(30)

    init() {
        isRegistered = false
        flight = nil
        retryAt = nil
        refusals = 0
    }

    /// Whether the oldest event may go now.
    var isReady: Bool { isRegistered && flight == nil && retryAt == nil }

    /// When `timeoutReached` is due.
    var nextTimeout: Instant? { flight.map { $0.since + CrewDelivery.answerTimeout } ?? retryAt }

    mutating func registered() {
        self = CrewDelivery()
        isRegistered = true
    }

    mutating func lost() { self = CrewDelivery() }

    mutating func sent(eventId: String, now: Instant) { flight = Flight(eventId: eventId, since: now) }

    mutating func answered(eventId: String, _ answer: Acknowledgement, now: Instant) -> Outcome {
        guard flight?.eventId == eventId else { return .nothing }
        flight = nil
        switch answer {
        case .ok:
            refusals = 0
            return .delivered(eventId: eventId)
        case .refused(let error, _) where error.code == .badRequest:
            refusals = 0
            return .rejected(eventId: eventId, reason: error.message)
        case .refused:
            // Throttled, or a fault over there: 1, 2, 4 … 30 s.
            retryAt = now + .seconds(min(30, 1 << min(refusals, 5)))
            refusals += 1
            return .nothing
        }
    }

    mutating func timeoutReached(now: Instant) {
        if let current = flight, current.since + CrewDelivery.answerTimeout <= now { flight = nil }
        if let due = retryAt, due <= now { retryAt = nil }
    }
}
