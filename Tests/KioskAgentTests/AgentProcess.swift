import AgentSettings
import Crew
import Glibc
import JSON
import Primitives
import Reactor

@testable import KioskAgent

/// The real program as a child, in a directory of its own, with a server address that nobody answers.
final class AgentProcess {
    let directory: String
    private(set) var pid: pid_t?

    var socket: String { "\(directory)/control.sock" }
    var outbox: String { "\(directory)/outbox.db" }

    init(_ configuration: String = "") throws {
        var template = Array("/tmp/kiosk-agent-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw AgentError("mkdtemp") }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try write("password", "secret\n", mode: 0o600)
        try write(
            "agent.yaml",
            """
            server: http://127.0.0.1:9
            kiosk: { id: KIOSK_01, passwordFile: \(directory)/password }
            camera: { device: test-pattern }
            microphone: { device: test-tone }
            controlSocket: \(directory)/control.sock
            \(configuration)
            """)
    }

    deinit {
        kill()
        for name in [
            "password", "agent.yaml", "log", "control.sock", "outbox.db", "outbox.db-wal", "outbox.db-shm", "server",
        ] {
            unlink("\(directory)/\(name)")
        }
        rmdir(directory)
    }

    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        let descriptor = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, mode)
        guard descriptor >= 0 else { throw AgentError("cannot write \(name)") }
        defer { close(descriptor) }
        fchmod(descriptor, mode)
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    /// Starts the program and waits until its socket answers.
    func start() throws {
        try spawn(["run", "--config", "\(directory)/agent.yaml"])
        let limit = MonotonicClock.now() + .seconds(30)
        while MonotonicClock.now() < limit {
            if (try? ControlClient.ask(["command": "status"], at: socket)) != nil { return }
            MonotonicClock.sleep(until: MonotonicClock.now() + .milliseconds(10))
        }
        throw AgentError("the agent does not come up")
    }

    /// Runs the program to its end and returns its exit status and what it wrote.
    static func run(_ arguments: [String], in process: AgentProcess) throws -> (status: Int32, output: String) {
        let child = process
        try child.spawn(arguments)
        var status: Int32 = 0
        waitpid(child.pid!, &status, 0)
        child.pid = nil
        return (status >> 8 & 0xFF, child.log)
    }

    private func spawn(_ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, "\(directory)/log",
                O_WRONLY | O_CREAT | (descriptor == STDOUT_FILENO ? O_TRUNC : O_APPEND), 0o644)
        }
        let words = [AgentProcess.program] + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var child = pid_t()
        guard posix_spawn(&child, AgentProcess.program, &actions, nil, &argv, environ) == 0 else {
            throw AgentError("cannot start \(AgentProcess.program)")
        }
        pid = child
    }

    /// The end without warning.
    func kill() {
        guard let pid else { return }
        Glibc.kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        self.pid = nil
    }

    /// The clean end; returns the exit status.
    func terminate() -> Int32 {
        guard let pid else { return -1 }
        Glibc.kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        self.pid = nil
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
    }

    var log: String {
        let descriptor = open("\(directory)/log", O_RDONLY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    /// Beside the tests, where the build puts both.
    private static let program: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer[..<max(0, count)].map(UInt8.init(bitPattern:)), as: UTF8.self)
        // `swift test` runs the bundle itself, or a helper of the toolchain that loads it.
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? path
        return StateDirectory.parent(of: bundle) + "/kiosk-agent"
    }()
}
