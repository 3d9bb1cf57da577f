import AgentSettings
import Crew
import Database
import JSON
import Primitives
import Reactor

/// Crew events that wait for the server or for a person.
enum OutboxCheck: Check {
    enum Observation: Sendable {
        /// As the agent tells, or the file of an agent that does not run.
        case read(AgentReport.Outbox)
        case corrupt(path: String, String)
        case unreadable(path: String, String)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        if let outbox = context.agent?.outbox { return .seen(.read(outbox)) }
        guard let configuration = context.configuration else { return .noConfiguration }
        let path = configuration.outboxPath
        if let refusal = FileSystem.refusal(of: .existence, to: path) {
            guard refusal.isNotThere else {
                return .notChecked(
                    "\(path) cannot be read by this user (\(refusal.reason)): run as root or as the agent's user"
                )
            }
            return .skipped("no outbox yet")
        }
        do throws(DatabaseError) {
            let outbox = try CrewOutbox(reading: path)
            return .seen(
                .read(AgentReport.Outbox(waiting: Int64(outbox.waiting), rejected: Int64(outbox.rejected))))
        } catch {
            return .seen(
                error.kind == .corrupt ? .corrupt(path: path, "\(error)") : .unreadable(path: path, "\(error)"))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation {
        case .corrupt(let path, let reason):
            Finding(
                .failed, "\(path): \(reason)", why: "crew events that waited for the server may be in it",
                remedy:
                    "systemctl restart kiosk-agent, which puts it aside; keep the file that then has .damaged- in its name"
            )
        case .unreadable(let path, let reason):
            Finding(.unknown, "\(path): \(reason)", remedy: "run as root or as the agent's user")
        case .read(let outbox): judge(outbox)
        }
    }

    private static func judge(_ outbox: AgentReport.Outbox) -> Finding {
        let (waiting, rejected) = (outbox.waiting, outbox.rejected)
        var facts = JSONObject()
        facts["waiting"] = .integer(waiting)
        facts["rejected"] = .integer(rejected)
        facts["storage"] = outbox.storage.map(JSONValue.string)
        if let storage = outbox.storage, storage != "ok" {
            return Finding(
                storage == "reserve" ? .warning : .failed,
                storage == "reserve"
                    ? "the disk is full, events go into the room kept for them"
                    : "crew events cannot be stored (\(storage))",
                why: "crew members cannot sign on when that is used up",
                remedy: outbox.remedy ?? "make room on the disk", facts: facts)
        }
        if let damaged = outbox.damaged {
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
