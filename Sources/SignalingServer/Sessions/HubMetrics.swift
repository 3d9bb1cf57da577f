internal import Primitives
internal import Signaling

/// What the hub counts.
struct HubMetrics: Sendable {
    /// Events let through, by name.
    var events: [ClientEvent.Kind: UInt64] = [:]
    /// Refusals by code, those of CONNECT included.
    var refusals: [SignalingErrorCode: UInt64] = [:]
    var sessionsStarted: UInt64 = 0
    var sessionsEnded: [SessionEndReason: UInt64] = [:]
    var crewEventsStored: UInt64 = 0
    var crewEventsRepeated: UInt64 = 0
    var crewEventsFailed: UInt64 = 0

    mutating func refused(_ code: SignalingErrorCode) { refusals[code, default: 0] += 1 }
}
