import Configuration
import Database
import Glibc
import Primitives
import Reactor
import Service
import SocketIO

/// The agent itself: its configuration, its files, whether it runs.
extension Doctor {
    func checkConfiguration() -> Finding {
        if let error = configurationError {
            return Finding(
                .failed, error.description, why: "the agent does not start with a wrong configuration",
                remedy: "correct the file; `kiosk-agent config check` tells when it is right")
        }
        guard let configuration else { return Finding(.unknown, "no configuration") }
        return .ok("\(options.file): correct, kiosk \(configuration.kiosk.id), server \(configuration.server)")
    }

    func checkStateDirectory() -> Finding {
        guard let configuration else { return .skipped("no configuration") }
        let path = configuration.stateDirectoryPath
        var status = stat()
        guard stat(path, &status) == 0 else {
            return Finding(
                .warning, "\(path): \(SystemError.text(errno))", why: "crew events are kept there",
                remedy: "the service makes it at its start; otherwise make it and give it to the agent's user")
        }
        let isOpen = status.st_mode & 0o007 != 0
        var facts = JSONObject()
        facts["path"] = .string(path)
        facts["mode"] = .string(String(status.st_mode & 0o777, radix: 8))
        guard !isOpen else {
            return Finding(
                .warning, "\(path) is open to everybody (mode 0\(String(status.st_mode & 0o777, radix: 8)))",
                why: "names of crew members are kept there", remedy: "chmod o-rwx \(path)", facts: facts)
        }
        return .ok("\(path), mode 0\(String(status.st_mode & 0o777, radix: 8))", facts: facts)
    }

    func checkService() -> Finding {
        let unit = ServiceUnit.read("kiosk-agent.service")
        var facts = JSONObject()
        if let unit {
            facts["activeState"] = .string(unit.activeState)
            facts["restarts"] = .integer(unit.restarts)
            facts["lastResult"] = .string(unit.result)
        }
        facts["answers"] = .bool(status != nil)
        if let status {
            let summary = status["summary"]?.string ?? "running"
            facts["state"] = status["state"] ?? .null
            if let unit, unit.restarts > 0 {
                return Finding(
                    .warning, "running after \(unit.restarts) restarts, last result \(unit.result): \(summary)",
                    why: "an agent that restarts drops the session it serves",
                    remedy: "journalctl -u kiosk-agent -p warning", facts: facts)
            }
            if let message = status["link"]?["message"]?.string {
                return Finding(
                    .warning, "running, \(message)", why: "nobody can watch this kiosk, crew events wait here",
                    remedy: status["link"]?["remedy"]?.string ?? "see the network checks below", facts: facts)
            }
            return .ok("running: \(summary)", facts: facts)
        }
        let seen =
            unit.map { "not answering; the service is \($0.activeState), last result \($0.result)" }
            ?? "no agent is running"
        return Finding(
            .failed, seen, why: "nobody can watch this kiosk, crew members cannot sign on",
            remedy: "systemctl start kiosk-agent, then journalctl -u kiosk-agent", facts: facts)
    }

    func checkOutbox() -> Finding {
        let waiting: Int64
        let rejected: Int64
        if let outbox = status?["outbox"] {
            waiting = outbox["waiting"]?.integer ?? 0
            rejected = outbox["rejected"]?.integer ?? 0
        } else {
            guard let configuration else { return .skipped("no configuration") }
            guard access(configuration.outboxPath, F_OK) == 0 else { return .skipped("no outbox yet") }
            do throws(DatabaseError) {
                var outbox = try CrewOutbox(reading: configuration.outboxPath)
                let counts = try outbox.counts()
                (waiting, rejected) = (Int64(counts.waiting), Int64(counts.rejected))
            } catch {
                return Finding(
                    .unknown, "\(configuration.outboxPath): \(error)", remedy: "run as root or as the agent's user")
            }
        }
        var facts = JSONObject()
        facts["waiting"] = .integer(waiting)
        facts["rejected"] = .integer(rejected)
        if rejected > 0 {
            return Finding(
                .warning, "\(rejected) crew events were refused by the server", why: "they need a person's decision",
                remedy: "kiosk-agent crew list", facts: facts)
        }
        if waiting > 100 {
            return Finding(
                .warning, "\(waiting) crew events wait for the server", why: "the server has not been reached for long",
                remedy: "see the checks of server and login", facts: facts)
        }
        return .ok(waiting == 0 ? "no crew events wait" : "\(waiting) crew events wait", facts: facts)
    }
}

extension CrewOutbox {
    /// Looks into an outbox without changing it.
    init(reading path: String) throws(DatabaseError) {
        self.init(try Database(.file(path), Database.Options(isReadOnly: true)))
    }
}
