import AgentSettings
import Capture
import JSON
import Media
import Primitives
import Reactor

/// The camera's picture, watched for two seconds.
enum CameraPictureCheck: Check {
    struct Picture: Sendable {
        /// The camera's format, in words.
        var format: String
        var exposure: Exposure
        /// Frames per second, as configured.
        var wantedRate: Double
    }

    typealias Observation = Result<Picture, CaptureError>

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let section = context.configuration?.camera, let source = CameraSource(section.device) else {
            return .noConfiguration
        }
        if context.agentIsLive {
            return .skipped("the agent streams from it now: \(context.agent?.liveFigures ?? "")")
        }
        if context.agentTakesSnapshot { return .skipped("the agent takes a snapshot with it now") }
        do throws(CaptureError) {
            var camera = try Camera(opening: section.request(source))
            var frame = camera.makeFrame()
            var exposure = Exposure()
            let end = context.limit(.seconds(2))
            while MonotonicClock.now() < end {
                _ = try camera.nextFrame(into: &frame, timeout: .seconds(3), interruptedBy: nil)
                exposure.add(frame)
            }
            return .seen(
                .success(
                    Picture(
                        format: camera.format.description, exposure: exposure, wantedRate: Double(section.frameRate))))
        } catch {
            return .seen(.failure(error))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation {
        case .failure(let error): return Finding(error, facts: JSONObject())
        case .success(let picture):
            var facts = picture.exposure.facts
            facts["format"] = .string(picture.format)
            return picture.exposure.finding(picture.format, wantedRate: picture.wantedRate, facts: facts)
        }
    }
}

extension Finding {
    /// What a camera or microphone that cannot be used means.
    init(_ error: CaptureError, facts: JSONObject) {
        var facts = facts
        facts["reason"] = .string(error.reason)
        let (why, remedy) =
            switch error {
            case .missing: ("monitors see nothing", "check the cable, and camera.device in the configuration")
            case .busy: ("only one program can use a camera", error.remedy)
            case .permissionDenied:
                ("the device may not be opened", "run it as root, or as a member of the groups video and audio")
            case .lost: ("it was unplugged, or its USB port has a fault", "check the cable, use another port")
            case .frozen: ("it is there and delivers nothing", "unplug it and plug it again; use another USB port")
            case .garbage: ("what it delivers is no picture", error.remedy)
            case .repeats: ("the picture stands still", error.remedy)
            case .unsupported: ("it has no picture format that can be used", "use another camera")
            case .badFile: ("the file cannot be played", "use another file")
            case .system: ("the driver refuses", "journalctl -k; use another USB port")
            }
        self.init(.failed, error.description, why: why, remedy: remedy, facts: facts)
    }
}
