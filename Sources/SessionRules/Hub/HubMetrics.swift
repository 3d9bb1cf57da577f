public import Signaling

/// What the hub counts.
public struct HubMetrics: Sendable {
    /// Events let through, by name.
    public internal(set) var events: [ClientEvent.Kind: UInt64] = [:]
    /// Refusals by code, those of CONNECT included.
    public internal(set) var refusals: [SignalingErrorCode: UInt64] = [:]
    public internal(set) var sessionsStarted: UInt64 = 0
    public internal(set) var sessionsEnded: [SessionEndReason: UInt64] = [:]
    public internal(set) var crewEventsStored: UInt64 = 0
    public internal(set) var crewEventsRepeated: UInt64 = 0
    public internal(set) var crewEventsFailed: UInt64 = 0

    mutating func refused(_ code: SignalingErrorCode) { refusals[code, default: 0] += 1 }
}
