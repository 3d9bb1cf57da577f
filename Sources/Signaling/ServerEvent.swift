/// What the server sends to a client.
public enum ServerEvent: Hashable, Sendable {
    /// `heartbeatInterval` is in milliseconds on the wire.
    case kioskRegistered(kioskId: String, heartbeatInterval: Duration, iceServers: [ICEServer])
    case kioskList([KioskEntry])
    case kioskOnline(KioskEntry)
    case kioskOffline(KioskEntry)
    case kioskStatus(KioskEntry)
    /// To the monitor.
    case monitoringStartedForMonitor(kioskId: String, sessionId: String, iceServers: [ICEServer])
    /// To the kiosk.
    case monitoringStartedForKiosk(monitorId: String, sessionId: String, iceServers: [ICEServer])
    case offer(fromId: String, sessionId: String, DescriptionPayload)
    case answer(fromId: String, sessionId: String, DescriptionPayload)
    case iceCandidate(fromId: String, sessionId: String, CandidatePayload)
    case restartRequest(fromId: String, sessionId: String)
    case sessionError(fromId: String, sessionId: String, SessionErrorPayload)
    /// `serverTime` is RFC 3339 in UTC with milliseconds.
    case heartbeatPong(serverTime: String)
    case crew(CrewEvent, kioskId: String, receivedAt: String)
    case monitoringStopped(kioskId: String, sessionId: String, reason: SessionEndReason)
    /// The refusal of an event that asked for no acknowledgement.
    case error(SignalingError, event: String)

    /// The session it is about.
    public var sessionId: String? {
        switch self {
        case .monitoringStartedForMonitor(_, let id, _), .monitoringStartedForKiosk(_, let id, _), .offer(_, let id, _),
            .answer(_, let id, _), .iceCandidate(_, let id, _), .restartRequest(_, let id), .sessionError(_, let id, _),
            .monitoringStopped(_, let id, _):
            id
        case .kioskRegistered, .kioskList, .kioskOnline, .kioskOffline, .kioskStatus, .heartbeatPong, .crew, .error: nil
        }
    }
}
