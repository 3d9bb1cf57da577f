internal import AgentSettings
internal import Configuration
internal import Glibc
public import JSON
internal import Primitives
internal import Reactor
internal import Signaling

/// Everything that helps a technician far away, in one archive, and no secret: the configuration as it takes effect, the
/// doctor's report, the agent's status, its journal, versions and devices. Whatever equals a secret of this kiosk is
/// crossed out, wherever it stands.
public struct SupportBundle {
    let doctor: Doctor
    let entries: [Doctor.Entry]
    let report: JSONValue
    /// What libraries printed meanwhile.
    let libraryOutput: String

    /// - Parameter libraryOutput: what libraries printed meanwhile.
    public init(doctor: Doctor, entries: [Doctor.Entry], report: JSONValue, libraryOutput: String) {
        self.doctor = doctor
        self.entries = entries
        self.report = report
        self.libraryOutput = libraryOutput
    }

    /// - Returns: why it could not be written; nil when it is there.
    public func write(to path: String) -> String? {
        var archive = TarArchive(modified: SystemWallClock.now())
        for (name, text) in contents {
            let clean = Array(SupportBundle.withoutSecrets(text, secrets).utf8)
            archive.add("kiosk-support/\(name)", clean)
        }
        return archive.write(to: path) ? nil : "\(path): \(SystemError.text(errno))"
    }

    private var contents: [(String, String)] {
        [
            ("doctor.json", String(decoding: report.jsonText, as: UTF8.self) + "\n"),
            ("doctor.txt", plain),
            ("status.json", String(decoding: (doctor.context.status ?? .null).jsonText, as: UTF8.self) + "\n"),
            ("configuration.yaml", configuration),
            ("versions.txt", versions),
            ("devices.txt", devices),
            ("network.txt", network),
            ("libraries.txt", libraryOutput),
            (
                "journal.txt",
                ChildProcess.output(
                    ["journalctl", "-u", "kiosk-agent", "-n", "3000", "--no-pager", "-o", "short-iso"],
                    limit: .seconds(2)) ?? "journalctl gave nothing\n"
            ),
        ]
    }

    private var plain: String {
        var report = DoctorReport(isVerbose: true)
        report.isTerminal = false
        return entries.map(report.text).joined()
    }

    private var configuration: String {
        guard let document = try? ConfigurationDocument(contentsOf: doctor.context.options.file),
            let configuration = doctor.configuration
        else { return doctor.context.configurationError.map { "\($0)\n" } ?? "" }
        return document.files.map { "# \($0)\n" }.joined() + ConfigurationText(configuration, in: document).yaml
    }

    private var versions: String {
        var text = "kiosk-agent \(ProductVersion.text)\n"
        for path in ["/proc/version", "/etc/os-release", "/proc/cmdline", "/proc/uptime", "/proc/loadavg"] {
            text += "\n# \(path)\n\(SystemFile.text(path) ?? "cannot be read\n")"
        }
        return text
    }

    private var devices: String {
        var text = ""
        for path in ["/proc/asound/cards", "/proc/asound/pcm", "/proc/bus/input/devices", "/proc/cpuinfo"] {
            text += "# \(path)\n\(SystemFile.text(path) ?? "cannot be read\n")\n"
        }
        for node in SystemFile.list("/sys/class/video4linux") {
            text += "\(node)  \(SystemFile.text("/sys/class/video4linux/\(node)/name") ?? "?")"
        }
        text += "\n# USB\n"
        for device in SystemFile.list("/sys/bus/usb/devices") {
            let fields = ["idVendor", "idProduct", "manufacturer", "product"].compactMap {
                SystemFile.text("/sys/bus/usb/devices/\(device)/\($0)").map { $0.filter { !$0.isNewline } }
            }
            if !fields.isEmpty { text += "\(device)  \(fields.joined(separator: " "))\n" }
        }
        return text
    }

    private var network: String {
        var text = ((try? NetworkInterfaces.addresses()) ?? []).map {
            "\($0.name)  \($0.address)/\($0.prefixLength)\($0.isUp ? "" : " down")\n"
        }.joined()
        for path in ["/proc/net/route", "/proc/net/ipv6_route", "/etc/resolv.conf", "/proc/net/snmp"] {
            text += "\n# \(path)\n\(SystemFile.text(path) ?? "cannot be read\n")"
        }
        return text
    }

    /// The kiosk's own secrets, as far as they may be read: what may not be read is in no file either.
    private var secrets: [String] {
        var found: [String] = []
        if let password = try? doctor.configuration?.readPassword() { found.append(password.unredacted) }
        if case .done(let answer)? = doctor.context.facts.login.known {
            found += [answer.token.unredacted, answer.refreshToken.unredacted]
        }
        if case .known(let servers)? = doctor.context.facts.iceServers.known {
            found += servers.compactMap(\.credential)
        }
        return found
    }

    static func withoutSecrets(_ text: String, _ secrets: [String]) -> String {
        var bytes = Array(text.utf8)
        for secret in secrets where secret.utf8.count >= 4 {
            let pattern = Array(secret.utf8)
            var at = 0
            while at + pattern.count <= bytes.count {
                if bytes[at] == pattern[0], bytes[at..<at + pattern.count].elementsEqual(pattern) {
                    bytes.replaceSubrange(at..<at + pattern.count, with: Array("(redacted)".utf8))
                }
                at += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Another program's standard output, as far as it comes within a time limit.
enum ChildProcess {
    static func output(_ arguments: [String], limit: Duration) -> String? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        let code = posix_spawnp(&child, arguments[0], &actions, nil, &words, environ)
        close(ends[1])
        guard code == 0 else { return nil }
        let deadline = MonotonicClock.now() + limit
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count < 4 << 20 {
            let left = deadline - MonotonicClock.now()
            var entry = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            guard left > .zero, poll(&entry, 1, Int32(clamping: left.nanoseconds / 1_000_000)) > 0 else { break }
            let count = read(ends[0], &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        kill(child, SIGKILL)
        waitpid(child, nil, 0)
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
