/// What an account may do.
public enum Role: String, Hashable, Sendable, CaseIterable {
    case kiosk, monitor, admin
}

/// Codes of errors, on the socket and over HTTP. A client may show `message`; it decides by `code`.
public enum SignalingErrorCode: String, Hashable, Sendable, CaseIterable {
    case badRequest = "bad-request"
    case forbidden
    case notRegistered = "not-registered"
    case throttled
    case unknownKiosk = "unknown-kiosk"
    case kioskOffline = "kiosk-offline"
    case kioskBusy = "kiosk-busy"
    case noSession = "no-session"
    case notYourSession = "not-your-session"
    case unknownEvent = "unknown-event"
    case internalError = "internal-error"

    // CONNECT_ERROR and HTTP
    case tokenMissing = "token-missing"
    case tokenExpired = "token-expired"
    case tokenInvalid = "token-invalid"
    case accountDisabled = "account-disabled"

    // HTTP only
    case invalidCredentials = "invalid-credentials"
    case notFound = "not-found"
    case conflict
    case tooLarge = "too-large"
}

/// What a refusal says: `{"code","message"}`.
public struct SignalingError: Error, Hashable, Sendable {
    /// What a program decides by.
    public var code: SignalingErrorCode
    /// For people, in English.
    public var message: String
    /// `message` names the field or the reason; it must hold nothing secret, because clients show and log it.
    public init(_ code: SignalingErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// Why a monitoring session ended.
public enum SessionEndReason: String, Hashable, Sendable, CaseIterable {
    case stoppedByMonitor = "stopped-by-monitor"
    case monitorDisconnected = "monitor-disconnected"
    case kioskDisconnected = "kiosk-disconnected"
    case kioskReplaced = "kiosk-replaced"
    case sessionTimeout = "session-timeout"
    case endedByAdmin = "ended-by-admin"
    case serverShutdown = "server-shutdown"
    /// The kiosk lost the media path and no new offer came within the grace period.
    case mediaLost = "media-lost"
    /// The kiosk's program ends on purpose, and said so.
    case kioskRestarting = "kiosk-restarting"
    /// A newer server's, which this side does not know: read, never sent. The session is over all the same.
    case other
}

/// Which version of the contract this is. Both sides go on with what both know; a member, an event or a code that is added
/// leaves the number as it is.
public enum SignalingProtocol {
    /// Sent in `kiosk-registered`, `kiosk-list` and `GET /api/me`.
    public static let version = 1
}

/// What a kiosk cannot give while the rest of the session goes on.
public enum SessionErrorCode: String, Hashable, Sendable, CaseIterable {
    case cameraMissing = "camera-missing"
    case cameraBusy = "camera-busy"
    case cameraFailed = "camera-failed"
    case microphoneFailed = "microphone-failed"
    case noCommonCodec = "no-common-codec"
    case iceFailed = "ice-failed"
    case dtlsFailed = "dtls-failed"
    case consentExpired = "consent-expired"
    /// The offer's SDP cannot be read, or nothing of it can be served.
    case badOffer = "bad-offer"
    /// A section outside the one bundle, or the one section, that is served.
    case notBundled = "not-bundled"
}
