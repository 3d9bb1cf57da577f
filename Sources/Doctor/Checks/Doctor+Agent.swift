import AgentSettings
import Configuration
import Crew
import Database
import Glibc
import JSON
import Primitives
import Reactor
import ServerLink
import Service

/// The agent itself: its configuration, its files, whether it runs.
extension Doctor {
    func checkConfiguration() -> Finding {
        if let configuration, configurationError != nil, Credentials.path("password") == nil,
            access(configuration.kiosk.passwordFile, F_OK) == 0, access(configuration.kiosk.passwordFile, R_OK) != 0
        {
            // As it should be: the service manager hands the password to the agent. Only a user who may read it can try the
            // login.
            return Finding(
                .unknown,
                "\(options.file): kiosk \(configuration.kiosk.id), server \(configuration.server); the password is not this user's to read",
                remedy: "run it as root to have the login checked, too")
        }
        if let error = configurationError {
            return Finding(
                .failed, error.description, why: "the agent does not start with a wrong configuration",
                remedy: "correct the file; `kiosk-agent config check` tells when it is right")
        }
        guard let configuration else { return Finding(.unknown, "no configuration") }
        var facts = JSONObject()
        facts["files"] = .array(configurationFiles.map(JSONValue.string))
        let dropIns = configurationFiles.count > 1 ? " and \(configurationFiles.count - 1) drop-ins" : ""
        return .ok(
            "\(options.file)\(dropIns): correct, kiosk \(configuration.kiosk.id), server \(configuration.server)",
            facts: facts)
    }

    func checkStateDirectory() -> Finding {
        guard let configuration else { return .notChecked("no configuration") }
        let path = configuration.stateDirectoryPath
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == EACCES {
                return Finding(
                    .unknown, "\(path): \(SystemError.text(EACCES))", remedy: "run as root or as the agent's user")
            }
            return Finding(
                .warning, "\(path): \(SystemError.text(errno))", why: "crew events are kept there",
                remedy: "the service makes it at its start; otherwise make it and give it to the agent's user")
        }
        var volume = statvfs()
        let isReadOnly = statvfs(path, &volume) == 0 && volume.f_flag & UInt(ST_RDONLY) != 0
        return Doctor.stateDirectoryFinding(path, mode: status.st_mode & 0o777, isReadOnly: isReadOnly)
    }

    static func stateDirectoryFinding(_ path: String, mode: mode_t, isReadOnly: Bool) -> Finding {
        let text = "0" + String(mode, radix: 8)
        var facts = JSONObject()
        facts["path"] = .string(path)
        facts["mode"] = .string(String(mode, radix: 8))
        if isReadOnly {
            facts["readOnly"] = true
            return Finding(
                .failed, "\(path) is on a file system that can only be read", why: "crew events cannot be stored",
                remedy: "journalctl -k: a disk with errors is mounted read-only; otherwise mount it writable",
                facts: facts)
        }
        guard mode & 0o007 == 0 else {
            return Finding(
                .warning, "\(path) is open to everybody (mode \(text))",
                why: "names of crew members are kept there", remedy: "chmod o-rwx \(path)", facts: facts)
        }
        return .ok("\(path), mode \(text)", facts: facts)
    }

    func checkService() -> Finding {
        // Only when the agent says that its password is wrong: this login is otherwise another check's.
        let isRefused = status?["link"]?["trouble"]?.string == LinkTrouble.Kind.wrongPassword.rawValue
        let works = if isRefused, case .done = login() { true } else { false }
        return Doctor.serviceFinding(
            ServiceUnit.read("kiosk-agent.service"), status: status, mayNotAsk: mayNotAsk, passwordWorks: works,
            coreDumps: SystemFile.list("/var/lib/systemd/coredump").filter { $0.hasPrefix("core.kiosk-agent.") })
    }

    /// - Parameter passwordWorks: whether the password that is in the file now lets a kiosk in, although the agent's does not.
    static func serviceFinding(
        _ unit: ServiceUnit?, status: JSONValue?, mayNotAsk: Bool = false, passwordWorks: Bool = false,
        coreDumps: [String]
    ) -> Finding {
        var facts = JSONObject()
        if let unit {
            facts["activeState"] = .string(unit.activeState)
            facts["restarts"] = .integer(unit.restarts)
            facts["lastResult"] = .string(unit.result)
            facts["watchdogSeconds"] = unit.watchdog.map { .double($0.seconds) } ?? .null
            facts["lastExitStatus"] = unit.lastExitStatus.map { .integer($0) }
            facts["lastExitAt"] = unit.exitTime.map { .string($0.text) }
        }
        facts["answers"] = .bool(status != nil)
        if !coreDumps.isEmpty { facts["coreDumps"] = .array(coreDumps.map(JSONValue.string)) }
        let crash = unit.flatMap { unit in unit.exitTime.map { ", last ended \($0.text)" } } ?? ""
        guard let status else {
            if mayNotAsk, unit.map({ $0.activeState == "active" }) ?? true {
                return Finding(
                    .unknown,
                    "\(unit.map { "the service is \($0.activeState); " } ?? "")this user may not ask the agent",
                    remedy: "run it as root, or as a member of the control socket's group", facts: facts)
            }
            if let unit, unit.activeState == "activating" || unit.activeState == "deactivating" {
                return Finding(
                    .failed,
                    "not answering; the service is \(unit.activeState) after \(unit.restarts) restarts\(crash)",
                    why: "nobody can watch this kiosk, crew members cannot sign on",
                    remedy: "it is started again by itself: journalctl -u kiosk-agent says why it ended", facts: facts)
            }
            let seen =
                unit.map { "not answering; the service is \($0.activeState), last result \($0.result)\(crash)" }
                ?? "no agent is running"
            return Finding(
                .failed, seen, why: "nobody can watch this kiosk, crew members cannot sign on",
                remedy: "systemctl start kiosk-agent, then journalctl -u kiosk-agent", facts: facts)
        }
        let summary = status["summary"]?.string ?? "running"
        facts["state"] = status["state"] ?? .null
        if passwordWorks {
            return Finding(
                .warning, "running with an old password; the one in the file works",
                why: "the service keeps the password that its file had at the start, and the server refuses that one",
                remedy: "systemctl restart kiosk-agent", facts: facts)
        }
        if let unit, unit.restarts > 0 {
            return Finding(
                .warning,
                // The result is that of the run that goes on, and good until it ends.
                "running, started again by itself \(unit.restarts) times\(unit.result == "success" ? "" : ", last result \(unit.result)")\(crash): \(summary)",
                why: "an agent that restarts drops the session it serves",
                remedy: "journalctl -u kiosk-agent -p warning", facts: facts)
        }
        if !coreDumps.isEmpty {
            return Finding(
                .warning, "running; it crashed before, \(coreDumps.count) core dumps are kept: \(summary)",
                why: "what crashed once crashes again",
                remedy: ToolCommand.available("coredumpctl info kiosk-agent", "ls -l /var/lib/systemd/coredump")
                    + ", and a support archive",
                facts: facts)
        }
        if let unit, unit.activeState == "active", unit.watchdog == nil {
            return Finding(
                .warning, "running without a watchdog: \(summary)", why: "an agent that hangs is not started again",
                remedy: "use the service file of the package: WatchdogSec", facts: facts)
        }
        if let message = status["link"]?["message"]?.string {
            return Finding(
                .warning, "running, \(message)", why: "nobody can watch this kiosk, crew events wait here",
                remedy: status["link"]?["remedy"]?.string ?? "see the network checks below", facts: facts)
        }
        return .ok("running: \(summary)", facts: facts)
    }

    func checkOutbox() -> Finding {
        let waiting: Int64
        let rejected: Int64
        if let outbox = status?["outbox"] {
            waiting = outbox["waiting"]?.integer ?? 0
            rejected = outbox["rejected"]?.integer ?? 0
        } else {
            guard let configuration else { return .notChecked("no configuration") }
            if access(configuration.outboxPath, F_OK) != 0 {
                guard errno == ENOENT else {
                    return .notChecked(
                        "\(configuration.outboxPath) cannot be read by this user (\(SystemError.text(errno))): run as root or as the agent's user"
                    )
                }
                return .skipped("no outbox yet")
            }
            do throws(DatabaseError) {
                let outbox = try CrewOutbox(reading: configuration.outboxPath)
                (waiting, rejected) = (Int64(outbox.waiting), Int64(outbox.rejected))
            } catch {
                if error.kind == .corrupt {
                    return Finding(
                        .failed, "\(configuration.outboxPath): \(error)",
                        why: "crew events that waited for the server may be in it",
                        remedy:
                            "systemctl restart kiosk-agent, which puts it aside; keep the file that then has .damaged- in its name"
                    )
                }
                return Finding(
                    .unknown, "\(configuration.outboxPath): \(error)", remedy: "run as root or as the agent's user")
            }
        }
        var facts = JSONObject()
        facts["waiting"] = .integer(waiting)
        facts["rejected"] = .integer(rejected)
        if let storage = status?["outbox"]?["storage"]?.string {
            facts["storage"] = .string(storage)
            if storage != "ok" {
                return Finding(
                    storage == "reserve" ? .warning : .failed,
                    storage == "reserve"
                        ? "the disk is full, events go into the room kept for them"
                        : "crew events cannot be stored (\(storage))",
                    why: "crew members cannot sign on when that is used up",
                    remedy: status?["outbox"]?["remedy"]?.string ?? "make room on the disk", facts: facts)
            }
        }
        if let damaged = status?["outbox"]?["damaged"]?.string {
            return Finding(
                .warning, "a damaged outbox was put aside: \(damaged)",
                why: "crew events that waited for the server may be in it",
                remedy:
                    "keep that file and ask for help: its events can often be recovered; then systemctl restart kiosk-agent",
                facts: facts)
        }
        if rejected > 0 {
            return Finding(
                .warning, "\(rejected) crew events were refused by the server", why: "they need a person's decision",
                remedy: "kiosk-agent crew list, then crew retry or crew discard", facts: facts)
        }
        if waiting > 100 {
            return Finding(
                .warning, "\(waiting) crew events wait for the server", why: "the server has not been reached for long",
                remedy: "see the checks of server and login", facts: facts)
        }
        return .ok(waiting == 0 ? "no crew events wait" : "\(waiting) crew events wait", facts: facts)
    }
}

extension ServiceUnit {
    fileprivate var exitTime: WallClock? { lastExitAt.map { WallClock(nanosecondsSince1970: $0 * 1000) } }
}
