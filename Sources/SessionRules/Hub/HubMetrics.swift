public import Signaling

/// What the hub counts.
public struct HubMetrics: Sendable {
    /// Events let through, by name.
    public internal(set) var events: [ClientEvent.Kind: UInt64] = [:]
    /// Events of sockets that were not let in, or no longer.
    public internal(set) var ignoredEvents: UInt64 = 0
    /// Refusals by code, those of CONNECT included.
    public internal(set) var refusals: [SignalingErrorCode: UInt64] = [:]
    /// Those that the records hold.
    public internal(set) var sessionsStarted: UInt64 = 0
    /// By reason.
    public internal(set) var sessionsEnded: [SessionEndReason: UInt64] = [:]
    /// New ones.
    public internal(set) var crewEventsStored: UInt64 = 0
    /// Events that a kiosk has sent again.
    public internal(set) var crewEventsRepeated: UInt64 = 0
    /// Events that the records did not take.
    public internal(set) var crewEventsFailed: UInt64 = 0

    mutating func refused(_ code: SignalingErrorCode) { refusals[code, default: 0] += 1 }
}
