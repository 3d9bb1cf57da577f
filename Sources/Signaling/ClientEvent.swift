/// What a client sends to the server. The optional session id, where one is sent, must match.
public enum ClientEvent: Hashable, Sendable {
    case registerKiosk(KioskRegistration)
    case registerMonitor(MonitorRegistration)
    case startMonitoring(kioskId: String)
    case stopMonitoring(kioskId: String, sessionId: String?)
    case offer(targetId: String, sessionId: String?, DescriptionPayload)
    case answer(targetId: String, sessionId: String?, DescriptionPayload)
    /// A null or empty candidate arrives as one with an empty `candidate`: end-of-candidates.
    case iceCandidate(targetId: String, sessionId: String?, CandidatePayload)
    case restartRequest(targetId: String, sessionId: String?)
    case sessionError(targetId: String, sessionId: String?, SessionErrorPayload)
    case sessionReport(SessionReport)
    case heartbeatPing(KioskStatus)
    case crew(CrewEvent)

    /// The event's name on the wire.
    public var name: String { kind.rawValue }

    /// Names of events that clients send.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case registerKiosk = "register-kiosk"
        case registerMonitor = "register-monitor"
        case startMonitoring = "start-monitoring"
        case stopMonitoring = "stop-monitoring"
        case offer
        case answer
        case iceCandidate = "ice-candidate"
        case restartRequest = "restart-request"
        case sessionError = "session-error"
        case sessionReport = "session-report"
        case heartbeatPing = "heartbeat-ping"
        case crewSignOn = "crew-sign-on"
        case crewSignOff = "crew-sign-off"
    }

    /// The event without its payload, for counting, limits and `name`.
    public var kind: Kind {
        switch self {
        case .registerKiosk: .registerKiosk
        case .registerMonitor: .registerMonitor
        case .startMonitoring: .startMonitoring
        case .stopMonitoring: .stopMonitoring
        case .offer: .offer
        case .answer: .answer
        case .iceCandidate: .iceCandidate
        case .restartRequest: .restartRequest
        case .sessionError: .sessionError
        case .sessionReport: .sessionReport
        case .heartbeatPing: .heartbeatPing
        case .crew(let event):
            switch event.kind {
            case .signOn: .crewSignOn
            case .signOff: .crewSignOff
            }
        }
    }
}
