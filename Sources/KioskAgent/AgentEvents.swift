public import Primitives
public import Signaling

/// What the signaling thread reports.
public enum LinkEvent: Sendable {
    case phaseChanged(LinkPhase)
    /// The server knows this kiosk again; what waited may be sent.
    case registered
    case server(ServerEvent)
    /// The server's answer to a crew event.
    case crewAnswered(eventId: String, Acknowledgement)
    /// The server's clock minus this machine's, as the last heartbeat measured it.
    case clockOffset(Duration)
    /// The link cannot even begin: the trusted certificates cannot be read.
    case impossible(String)
}

/// Where the link to the server stands, for the status.
public enum LinkPhase: Hashable, Sendable {
    case connecting
    case registered
    /// Not connected; the next attempt comes after this long.
    case waiting(LinkTrouble, retryIn: Duration)
    case stopped
}

/// What the supervisor asks of the signaling thread.
public enum LinkCommand: Sendable {
    /// Sent when registered; kept for a while when not.
    case send(ClientEvent)
    /// Sent once when registered and then answered by `crewAnswered`; dropped when not, as registration asks again.
    case deliver(CrewEvent)
    /// The heartbeat's contents from now on, sent at once.
    case status(KioskStatus)
    /// The session the kiosk carries, for the next registration.
    case carried(sessionId: String?)
    /// The machine's addresses are others: these carry packets now.
    case networkChanged(usable: Set<IPAddress>)
    /// Where the next login reads the password.
    case passwordFile(String)
    /// Say goodbye, close, end the thread.
    case stop
}

/// What a media thread reports.
public enum MediaEvent: Sendable, Hashable {
    /// The device delivers, as this source, in these words: "/dev/video0 MJPEG 640x480 at 30".
    case running(MediaKind, source: String)
    /// The device cannot be used now; the thread keeps looking.
    case trouble(MediaKind, MediaTrouble)
    /// Something is wrong with the media that flows; nil when all is well again.
    case condition(MediaKind, MediaCondition?)
    /// The thread has closed the device.
    case stopped(MediaKind)
}

/// Why there is no picture or no sound.
public struct MediaTrouble: Hashable, Sendable {
    public var code: SessionErrorCode
    /// The word in heartbeats and in the status: `missing`, `busy`, `failed`, `stalled`.
    public var state: String
    public var message: String
    /// What a technician can do about it.
    public var remedy: String?

    public init(_ code: SessionErrorCode, state: String, message: String, remedy: String? = nil) {
        self.code = code
        self.state = state
        self.message = message
        self.remedy = remedy
    }
}

extension MediaTrouble {
    /// The thread that opens the device has not come back from the kernel.
    static func driverHangs(_ kind: MediaKind) -> MediaTrouble {
        switch kind {
        case .video:
            MediaTrouble(
                .cameraFailed, state: "stalled", message: "the camera's driver does not answer",
                remedy: "unplug the camera and plug it in again; if that does not help, restart the machine")
        case .audio:
            MediaTrouble(
                .microphoneFailed, state: "stalled", message: "the microphone's driver does not answer",
                remedy: "unplug the microphone and plug it in again; if that does not help, restart the machine")
        }
    }
}
