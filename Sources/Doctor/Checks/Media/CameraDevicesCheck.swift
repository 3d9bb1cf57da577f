import AgentSettings
import Capture
import JSON
import Reactor

/// Which cameras are there, and whether the configured one is.
enum CameraDevicesCheck: Check {
    struct Observation: Sendable {
        /// The preferred one first.
        var cameras: [CameraFacts]
        /// `auto`, a path, or what takes a camera's place.
        var configured: String
        /// Whether there is a file of that path.
        var isThere: Bool
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        let configured = context.configuration?.camera.device ?? "auto"
        return .seen(
            Observation(
                cameras: CameraSelection.ranked(CameraFacts.enumerate()), configured: configured,
                isThere: FileSystem.allows(.existence, to: configured)))
    }

    static func judge(_ observation: Observation) -> Finding {
        let (cameras, configured) = (observation.cameras, observation.configured)
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
        switch CameraSource(configured) {
        case .testPattern, .fault, .file: return Finding(.skipped, "\(configured) is configured", facts: facts)
        case .automatic, .device, nil: break
        }
        let usable = cameras.filter { $0.failure == nil && $0.canCapture }
        if usable.isEmpty {
            if let failure = cameras.compactMap(\.failure).first { return Finding(failure, facts: facts) }
            return Finding(
                .failed, "no camera found", why: "monitors see nothing",
                remedy: "check the camera's cable: "
                    + ToolCommand.available("lsusb", "cat /sys/bus/usb/devices/*/product"),
                facts: facts)
        }
        if configured != "auto", !observation.isThere {
            return Finding(
                .failed, "\(configured) is configured and not there", why: "monitors see nothing",
                remedy: "use auto, or one of: \(usable.map(\.preferredPath).joined(separator: ", "))", facts: facts)
        }
        return .ok(usable.map { "\($0.name) at \($0.preferredPath)" }.joined(separator: ", "), facts: facts)
    }
}
