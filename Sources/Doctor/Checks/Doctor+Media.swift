import AgentSettings
import Capture
import Codecs
import Glibc
import JSON
import Media
import Primitives
import Reactor

/// Camera, microphone and encoder, tried out for a second or two each.
extension Doctor {
    func checkCameraDevices() -> Finding {
        let cameras = CameraSelection.ranked(CameraFacts.enumerate())
        var facts = JSONObject()
        facts["cameras"] = .array(
            cameras.map { camera in
                var object = JSONObject()
                object["path"] = .string(camera.preferredPath)
                object["node"] = .string(camera.node)
                object["name"] = .string(camera.name)
                object["driver"] = .string(camera.driver)
                object["problem"] = camera.failure.map { JSONValue.string($0.description) } ?? .null
                return .object(object)
            })
        let configured = configuration?.camera.device ?? "auto"
        switch CameraSource(configured) {
        case .testPattern, .fault, .file: return Finding(.skipped, "\(configured) is configured", facts: facts)
        case .automatic, .device, nil: break
        }
        let usable = cameras.filter { $0.failure == nil && $0.canCapture }
        if usable.isEmpty {
            if let failure = cameras.compactMap(\.failure).first { return finding(failure, facts: facts) }
            return Finding(
                .failed, "no camera found", why: "monitors see nothing",
                remedy: "check the camera's cable: "
                    + ToolCommand.available("lsusb", "cat /sys/bus/usb/devices/*/product"),
                facts: facts)
        }
        if configured != "auto", access(configured, F_OK) != 0 {
            return Finding(
                .failed, "\(configured) is configured and not there", why: "monitors see nothing",
                remedy: "use auto, or one of: \(usable.map(\.preferredPath).joined(separator: ", "))", facts: facts)
        }
        return .ok(usable.map { "\($0.name) at \($0.preferredPath)" }.joined(separator: ", "), facts: facts)
    }

    /// Which other programs have a camera open. Only a user who may inspect every process sees all of them.
    func checkCameraUsers() -> Finding {
        let nodes = CameraFacts.enumerate().filter { $0.canCapture || $0.failure != nil }.map(\.node)
        guard !nodes.isEmpty else { return .notChecked("there is no camera") }
        return Doctor.cameraUsersFinding(DeviceHolders.of(nodes: nodes), nodes: nodes, agentIsLive: agentIsLive)
    }

    static func cameraUsersFinding(_ found: DeviceHolders, nodes: [String], agentIsLive: Bool) -> Finding {
        var facts = JSONObject()
        facts["nodes"] = .array(nodes.map(JSONValue.string))
        facts["holders"] = .array(
            found.holders.map { .object(JSONObject([("pid", .integer($0.pid)), ("name", .string($0.name))])) })
        facts["hiddenProcesses"] = .integer(found.hidden)
        let others = found.holders.filter { $0.name != "kiosk-agent" }
        if !others.isEmpty {
            let names = others.map { "\($0.name) (\($0.pid))" }.joined(separator: ", ")
            return Finding(
                .warning, "in use by \(names)", why: "only one program can take pictures from a camera",
                remedy: "end it, or keep it from the camera", facts: facts)
        }
        if !found.holders.isEmpty {
            return agentIsLive
                ? .ok("the agent, for the session that is live", facts: facts)
                : Finding(
                    .failed, "the agent has the camera open, and nobody watches",
                    why: "the camera must be closed whenever no session is live",
                    remedy: "systemctl restart kiosk-agent, and a support archive", facts: facts)
        }
        if found.hidden > 0 {
            return Finding(
                .unknown, "nobody that may be seen; \(found.hidden) processes of other users hide what they have open",
                remedy: "run as root", facts: facts)
        }
        return .ok("nobody", facts: facts)
    }

    func checkCameraPicture() -> Finding {
        guard let section = configuration?.camera, let source = CameraSource(section.device) else {
            return .notChecked("no configuration")
        }
        if agentIsLive { return .skipped("the agent streams from it now: \(liveFigures)") }
        do throws(CaptureError) {
            var camera = try Camera(opening: section.request(source))
            var frame = camera.makeFrame()
            var exposure = Exposure()
            let end = limit(.seconds(2))
            while MonotonicClock.now() < end {
                _ = try camera.nextFrame(into: &frame, timeout: .seconds(3), interruptedBy: nil)
                exposure.add(frame)
            }
            var facts = exposure.facts
            facts["format"] = .string(camera.format.description)
            if let path = options.snapshot {
                guard Snapshot.write(frame, to: path) else {
                    return Finding(.failed, "\(path): \(SystemError.text(errno))", facts: facts)
                }
                facts["snapshot"] = .string(path)
            }
            return exposure.finding(
                camera.format.description, wantedRate: Double(section.frameRate), facts: facts)
        } catch {
            return finding(error, facts: JSONObject())
        }
    }

    private func finding(_ error: CaptureError, facts: JSONObject) -> Finding {
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
        return Finding(.failed, error.description, why: why, remedy: remedy, facts: facts)
    }

    func checkMicrophone() -> Finding {
        guard let configuration, let source = MicrophoneSource(configuration.microphone.device) else {
            return .notChecked("no configuration")
        }
        if agentIsLive { return .skipped("the agent listens to it now") }
        do throws(CaptureError) {
            guard var microphone = try Microphone.open(source) else { return .skipped("none is configured") }
            var samples = AudioFrame()
            var level = SoundLevel()
            for _ in 0..<50 {
                _ = try microphone.read(into: &samples, timeout: .seconds(2), interruptedBy: nil)
                level.add(samples.samples)
            }
            var facts = level.facts
            let overruns = Int(microphone.events[.overrun])
            facts["overruns"] = .integer(overruns)
            return level.finding(microphone.name, overruns: overruns, facts: facts)
        } catch {
            var found = finding(error, facts: JSONObject())
            found.why = "monitors hear nothing"
            if case .missing = error {
                found.remedy =
                    ToolCommand.available("arecord -L", "cat /proc/asound/cards")
                    + " lists the names for microphone.device"
            }
            return found
        }
    }

    /// A second of the test picture, encoded as in a session.
    func checkEncoder() -> Finding {
        let section = configuration?.camera ?? AgentConfiguration.Camera()
        let bitrate = configuration?.video.maxBitrate ?? .kilobits(1500)
        do {
            var camera = try Camera(opening: section.request(.testPattern))
            var frame = camera.makeFrame()
            var encoder = try VideoEncoder(
                VideoCodec.allCases[0],
                VideoEncoderSettings(
                    width: frame.width, height: frame.height, frameRate: section.frameRate, bitrate: bitrate))
            var encoded = EncodedFrame(kind: .video, capacity: 64 * 1024)
            var spent = Duration.zero
            let count = section.frameRate
            for _ in 0..<count {
                _ = try camera.nextFrame(into: &frame, timeout: .seconds(1), interruptedBy: nil)
                let began = MonotonicClock.now()
                _ = try encoder.encode(frame, into: &encoded)
                spent += MonotonicClock.now() - began
            }
            return encoderFinding(section, perFrame: spent.milliseconds / Double(count))
        } catch {
            return Finding(.failed, "\(error)", why: "without an encoder there is no picture")
        }
    }

    private func encoderFinding(_ section: AgentConfiguration.Camera, perFrame: Double) -> Finding {
        let interval = 1000 / Double(section.frameRate)
        // A third of the time is left for everything else.
        let pixels = Double(section.width * section.height) * interval * 0.66 / max(perFrame, 0.01)
        let sizes = [(1920, 1080), (1280, 720), (960, 540), (640, 480), (320, 240), (160, 120)]
        let largest = sizes.first { Double($0.0 * $0.1) <= pixels }
        var facts = JSONObject()
        facts["millisecondsPerFrame"] = .double((perFrame * 100).rounded() / 100)
        facts["load"] = .double((perFrame / interval * 1000).rounded() / 1000)
        facts["largest"] = largest.map { .string("\($0.0)x\($0.1)") } ?? .null
        let size = "\(section.width)x\(section.height) at \(section.frameRate)"
        let seen =
            "\(size) takes \((perFrame * 10).rounded() / 10) of \((interval * 10).rounded() / 10) ms, "
            + (largest.map { "up to \($0.0)x\($0.1) would hold" } ?? "no usual size would hold")
        if perFrame > interval {
            return Finding(
                .failed, seen, why: "pictures are left out all the time",
                remedy: "configure a smaller picture or a lower rate", facts: facts)
        }
        if perFrame > interval * 0.66 {
            return Finding(
                .warning, seen, why: "little time is left for everything else",
                remedy: "configure a smaller picture or a lower rate", facts: facts)
        }
        return .ok(seen, facts: facts)
    }
}
