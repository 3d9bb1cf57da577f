import Primitives
import Signaling

/// When which crew event goes to the server: one at a time, the oldest first, again until it is answered. That keeps
/// the order whatever gets lost; the server knows an event it has seen by its id.
///
/// Nothing goes before the right time is known, so that no event leaves with the time of a wrong clock; the first
/// heartbeat's answer tells it, and one that does not come is not waited for.
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
    /// Until when a first answer about the time is waited for.
    private var clockDeadline: Instant?

    private static let answerTimeout = Duration.seconds(30)
    private static let clockTimeout = Duration.seconds(5)
    private static let recordingPause = Duration.seconds(30)

    init() {
        isRegistered = false
        flight = nil
        retryAt = nil
        refusals = 0
        clockDeadline = nil
    }

    /// Whether the oldest event may go now.
    var isReady: Bool { isRegistered && flight == nil && retryAt == nil && clockDeadline == nil }

    /// When `timeoutReached` is due.
    var nextTimeout: Instant? { flight.map { $0.since + CrewDelivery.answerTimeout } ?? retryAt ?? clockDeadline }

    /// - Parameter clockIsKnown: whether the right time of this boot is known already.
    mutating func registered(clockIsKnown: Bool, now: Instant) {
        self = CrewDelivery()
        isRegistered = true
        clockDeadline = clockIsKnown ? nil : now + CrewDelivery.clockTimeout
    }

    mutating func clockBecameKnown() { clockDeadline = nil }

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

    /// The result of the last event could not be stored: the event is sent again after a while.
    mutating func notRecorded(now: Instant) { retryAt = now + CrewDelivery.recordingPause }

    mutating func timeoutReached(now: Instant) {
        if let current = flight, current.since + CrewDelivery.answerTimeout <= now { flight = nil }
        if let due = retryAt, due <= now { retryAt = nil }
        if let due = clockDeadline, due <= now { clockDeadline = nil }
    }
}
