public import Primitives
public import Signaling

/// What a client's credentials for the TURN servers are made from. Who holds the secret signs the user name; the rules say who may have
/// them and for how long.
public struct ICECredentialArguments: Hashable, Sendable {
    /// `expiry:userId`, the expiry in seconds since 1970 (draft-uberti-behave-turn-rest-00 section 2.2).
    public var username: String

    /// Good for `lifetime` from `now` on.
    public init(for user: String, lifetime: Duration, now: WallClock) {
        username = "\((now + lifetime).secondsSince1970):\(user)"
    }
}

/// An event that tells a client the ICE servers, without them.
public enum ICEServersEvent: Hashable, Sendable {
    case kioskRegistered(kioskId: String, heartbeatInterval: Duration)
    /// `monitoring-started` to the monitor.
    case monitoringStartedForMonitor(kioskId: String, sessionId: String)
    /// `monitoring-started` to the kiosk.
    case monitoringStartedForKiosk(monitorId: String, sessionId: String)

    /// The session it is about.
    public var sessionId: String? {
        switch self {
        case .kioskRegistered: nil
        case .monitoringStartedForMonitor(_, let id), .monitoringStartedForKiosk(_, let id): id
        }
    }

    /// The whole event, with the servers and the credentials for them.
    public func event(iceServers: [ICEServer]) -> ServerEvent {
        switch self {
        case .kioskRegistered(let kioskId, let interval):
            .kioskRegistered(kioskId: kioskId, heartbeatInterval: interval, iceServers: iceServers)
        case .monitoringStartedForMonitor(let kioskId, let sessionId):
            .monitoringStartedForMonitor(kioskId: kioskId, sessionId: sessionId, iceServers: iceServers)
        case .monitoringStartedForKiosk(let monitorId, let sessionId):
            .monitoringStartedForKiosk(monitorId: monitorId, sessionId: sessionId, iceServers: iceServers)
        }
    }
}
