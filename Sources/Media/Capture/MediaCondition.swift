import Reactor

/// What is wrong with media that flows. It keeps flowing; monitors and technicians hear of it.
public enum MediaCondition: String, Sendable, Hashable, CaseIterable {
    /// The same picture again and again.
    case frozen
    case black
    /// Even, without anything to see.
    case covered
    /// Many pictures are damaged.
    case garbage
    /// The processor cannot encode all that the camera gives: the picture is smaller or slower than configured.
    case slow
    /// The encoder refuses pictures.
    case encoder = "encoder-failed"
    case silent
    case clipping
    /// Sound was lost because the audio thread did not read it in time.
    case overruns

    /// What is seen, as a sentence without capital and full stop.
    public var message: String {
        switch self {
        case .frozen: "the camera delivers the same picture again and again"
        case .black: "the picture is black"
        case .covered: "the picture is one even colour"
        case .garbage: "many of the camera's pictures are damaged"
        case .slow: "the processor is too slow for the whole picture"
        case .encoder: "the encoder refuses pictures"
        case .silent: "the microphone delivers silence"
        case .clipping: "the sound is distorted: too loud for the microphone's setting"
        case .overruns: "sound is lost again and again"
        }
    }

    /// What a technician can do about it.
    public var remedy: String {
        switch self {
        case .frozen: "unplug the camera and plug it in again"
        case .black: "look for a cover or a shutter on the lens, and for light"
        case .covered: "look for something in front of the lens, or dirt on it"
        case .garbage: "use a shorter cable or another USB port; a lower camera size needs less of the bus"
        case .slow:
            "lower camera.width, camera.height or camera.frameRate, or find what else uses the processor (\(Self.processes))"
        case .encoder: "systemctl restart kiosk-agent; if it stays, report the log"
        case .silent: "look for a mute switch, and at the capture volume (\(Self.mixer))"
        case .clipping: "lower the capture volume (\(Self.mixer))"
        case .overruns: "find what else uses the processor (\(Self.processes)), or another USB port"
        }
    }

    private static let processes = ToolCommand.available("top", "cat /proc/loadavg")
    /// The command that shows the capture volume here, for remedies.
    public static let mixer = ToolCommand.available("alsamixer", "amixer", "apt install alsa-utils, then its mixer")
}
