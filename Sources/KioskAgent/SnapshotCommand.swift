import AgentSettings
import Capture
import Configuration
import Crew
import JSON
import Media
import Primitives
import Reactor

/// `kiosk-agent snapshot`: asks the running agent, or opens the camera where none runs.
enum SnapshotCommand {
    private struct Failure: Error {
        var status: ExitStatus
        var text: String
    }

    static func run(_ file: String, configuration path: String, socket: String?) -> ExitStatus {
        do throws(Failure) {
            guard let format = Snapshot.Format(suffixOf: file) else {
                throw Failure(
                    status: .usage, text: "\(file): not a picture's name; end it in .png, .jpg or .jpeg")
            }
            let (bytes, size) = try picture(format, path, socket)
            do throws(SystemError) {
                try OwnFile.replace(bytes, at: file)
            } catch {
                throw Failure(
                    status: .failed,
                    text: "\(file): \(SystemError.text(error.code)); name a file in a directory that you may write")
            }
            Terminal.print("\(file): \(size), \((bytes.count + 1023) / 1024) KiB")
            return .success
        } catch {
            Terminal.complain("kiosk-agent: \(error.text)")
            return error.status
        }
    }

    private static func picture(
        _ format: Snapshot.Format, _ path: String, _ socket: String?
    ) throws(Failure) -> (bytes: [UInt8], size: String) {
        let loaded: Result<AgentConfiguration, ConfigurationError>
        do throws(ConfigurationError) {
            loaded = .success(try AgentConfiguration.load(path))
        } catch {
            loaded = .failure(error)
        }
        let configured = (try? loaded.get())?.controlSocket
        do throws(ControlClient.Failure) {
            let answer = try ControlClient.ask(
                ["command": "snapshot", "format": .string(format.rawValue)],
                at: socket ?? configured ?? AgentConfiguration.defaultControlSocket)
            guard let bytes = answer["data"]?.string.flatMap({ Base64.decode($0) }) else {
                throw ControlClient.Failure(description: "the agent's answer has no picture")
            }
            return (bytes, "\(answer["width"]?.integer ?? 0)x\(answer["height"]?.integer ?? 0)")
        } catch {
            guard error.isAbsent else { throw Failure(status: .failed, text: error.description) }
        }
        switch loaded {
        case .failure(let error): throw Failure(status: .usage, text: error.description)
        case .success(let configuration):
            do throws(SnapshotFailure) {
                return try ownPicture(format, configuration)
            } catch {
                throw Failure(status: .failed, text: error.description)
            }
        }
    }

    /// With the sign lit where one is configured, as the agent does.
    private static func ownPicture(
        _ format: Snapshot.Format, _ configuration: AgentConfiguration
    ) throws(SnapshotFailure) -> (bytes: [UInt8], size: String) {
        guard let source = CameraSource(configuration.camera.device) else {
            throw SnapshotFailure(.cameraMissing, "no camera is configured", remedy: "name one in camera.device")
        }
        var indicator = Indicator(configuration.indicator)
        let problem = indicator.set(true).first
        defer { _ = indicator.set(false) }
        if let problem, configuration.requireIndicator { throw .indicator(problem) }
        let snapshot = try SnapshotCamera.take(
            configuration.camera.request(source), as: format, clock: MonotonicClock.now)
        return (snapshot.bytes, "\(snapshot.size.width)x\(snapshot.size.height)")
    }
}
