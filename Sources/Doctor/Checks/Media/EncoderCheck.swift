import AgentSettings
import Capture
import Codecs
import JSON
import Media
import Primitives
import Reactor

/// A second of the test picture, encoded as in a session.
enum EncoderCheck: Check {
    struct Load: Sendable {
        var section: AgentConfiguration.Camera
        /// Milliseconds of the processor.
        var perFrame: Double
    }

    enum Observation: Sendable {
        case load(Load)
        case failed(String)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        let section = context.configuration?.camera ?? AgentConfiguration.Camera()
        let bitrate = context.configuration?.video.maxBitrate ?? .kilobits(1500)
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
            return .seen(.load(Load(section: section, perFrame: spent.milliseconds / Double(count))))
        } catch {
            return .seen(.failed("\(error)"))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation {
        case .failed(let reason): Finding(.failed, reason, why: "without an encoder there is no picture")
        case .load(let load): judge(load.section, perFrame: load.perFrame)
        }
    }

    private static func judge(_ section: AgentConfiguration.Camera, perFrame: Double) -> Finding {
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
