public import Capture
public import Primitives
public import Signaling

/// Why there is no picture or no sound.
public struct MediaTrouble: Hashable, Sendable {
    /// What the monitor is told (`session-error`).
    public var code: SessionErrorCode
    /// The word in heartbeats and in the status: `CaptureError.reason`, such as `missing`, `busy` or `stalled`.
    public var state: String
    /// What was seen, in one line of English without capital and full stop.
    public var message: String
    /// What a technician can do about it.
    public var remedy: String?

    /// Takes the values as they are; `init(_:_:)` derives them from the capture layer's error.
    public init(_ code: SessionErrorCode, state: String, message: String, remedy: String? = nil) {
        self.code = code
        self.state = state
        self.message = message
        self.remedy = remedy
    }
}

extension MediaTrouble {
    /// The thread that opens the device has not come back from the kernel.
    public static func driverHangs(_ kind: MediaKind) -> MediaTrouble {
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

extension MediaTrouble {
    /// What the capture layer says, in the contract's codes.
    public init(_ kind: MediaKind, _ error: CaptureError) {
        let code: SessionErrorCode =
            switch (kind, error) {
            case (.audio, _): .microphoneFailed
            case (.video, .missing), (.video, .lost): .cameraMissing
            case (.video, .busy): .cameraBusy
            case (.video, .permissionDenied), (.video, .frozen), (.video, .repeats), (.video, .garbage),
                (.video, .unsupported),
                (.video, .badFile), (.video, .system):
                .cameraFailed
            }
        self.init(code, state: error.reason, message: error.description, remedy: error.remedy)
    }
}
