import JSON
import Primitives
import Reactor
import ServerLink
import Service

/// Whether the agent runs, and as it should.
enum ServiceCheck: Check {
    struct Observation: Sendable {
        /// Nil where no service manager knows it.
        var unit: ServiceUnit?
        /// Nil when none answers.
        var agent: AgentReport?
        /// Whether one listens that this user may not ask.
        var mayNotAsk = false
        /// Whether the password that is in the file now lets a kiosk in, although the agent's does not.
        var passwordWorks = false
        /// Names of files.
        var coreDumps: [String]
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        // Only when the agent says that its password is wrong: this login is otherwise another check's.
        let agent = context.agent
        let isRefused = agent?.linkTrouble == LinkTrouble.Kind.wrongPassword.rawValue
        let works = if isRefused, case .done = context.login() { true } else { false }
        return .seen(
            Observation(
                unit: ServiceUnit.read("kiosk-agent.service"), agent: agent, mayNotAsk: context.mayNotAsk,
                passwordWorks: works,
                coreDumps: SystemFile.list("/var/lib/systemd/coredump").filter { $0.hasPrefix("core.kiosk-agent.") }))
    }

    static func judge(_ observation: Observation) -> Finding {
        let (unit, coreDumps) = (observation.unit, observation.coreDumps)
        var facts = JSONObject()
        if let unit {
            facts["activeState"] = .string(unit.activeState)
            facts["restarts"] = .integer(unit.restarts)
            facts["lastResult"] = .string(unit.result)
            facts["watchdogSeconds"] = unit.watchdog.map { .double($0.seconds) } ?? .null
            facts["lastExitStatus"] = unit.lastExitStatus.map { .integer($0) }
            facts["lastExitAt"] = unit.exitTime.map { .string($0.text) }
        }
        facts["answers"] = .bool(observation.agent != nil)
        if !coreDumps.isEmpty { facts["coreDumps"] = .array(coreDumps.map(JSONValue.string)) }
        let crash = unit.flatMap { unit in unit.exitTime.map { ", last ended \($0.text)" } } ?? ""
        guard let agent = observation.agent else {
            if observation.mayNotAsk, unit.map({ $0.activeState == "active" }) ?? true {
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
        let summary = agent.summary ?? "running"
        facts["state"] = agent.state.map(JSONValue.string) ?? .null
        if observation.passwordWorks {
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
        if let message = agent.linkMessage {
            return Finding(
                .warning, "running, \(message)", why: "nobody can watch this kiosk, crew events wait here",
                remedy: agent.linkRemedy ?? "see the network checks below", facts: facts)
        }
        return .ok("running: \(summary)", facts: facts)
    }
}

extension ServiceUnit {
    fileprivate var exitTime: WallClock? { lastExitAt.map { WallClock(nanosecondsSince1970: $0 * 1000) } }
}
