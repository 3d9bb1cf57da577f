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
    public var code: SignalingErrorCode
    public var message: String
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
    /// The offer's SDP cannot be read.
    case badOffer = "bad-offer"
}
