import JSON

/// The agent's answers as a person reads them. Works on the JSON, so that an older agent can be asked too.
enum StatusText {
    static func status(_ answer: JSONValue, format: String?) -> String {
        let status = answer["status"] ?? .null
        if format == "json" { return json(status) }
        var lines = [("kiosk", "\(text(status, "kioskId")) (kiosk-agent \(text(status, "version")))")]
        lines.append(("state", text(status, "summary")))
        lines.append(("server", link(status)))
        if let remedy = status["link"]?["remedy"]?.string { lines.append(("to do", remedy)) }
        lines.append(("camera", device(status["camera"])))
        lines.append(("microphone", device(status["microphone"])))
        if let indicator = status["indicator"] { lines.append(("indicator", device(indicator))) }
        if let session = status["session"], !session.isNull { lines.append(("session", self.session(session))) }
        if status["session"]?["phase"]?.string == "live" {
            lines.append(("video", video(status["video"])))
            if let peer = status["peer"] { lines.append(("network", network(peer))) }
        }
        lines.append(("crew events", outbox(status["outbox"])))
        if let memory = status["memory"]?["state"]?.string, memory != "ample" {
            lines.append(("memory", "\(memory); \(text(status["memory"] ?? .null, "remedy"))"))
        }
        lines.append(("up for", duration(status["uptimeSeconds"]?.integer ?? 0)))
        if let offset = status["clockOffsetSeconds"]?.double, abs(offset) > 2 {
            lines.append(
                ("clock", "\(duration(Int64(abs(offset)))) \(offset > 0 ? "behind" : "ahead of") the server's"))
        }
        return table(lines)
    }

    static func crewList(_ answer: JSONValue, format: String?) -> String {
        let events = answer["events"]?.array ?? []
        if format == "json" { return json(.array(events)) }
        if events.isEmpty { return "no crew events wait\n" }
        let waiting = Int(answer["waiting"]?.integer ?? 0) + Int(answer["rejected"]?.integer ?? 0)
        let rest = waiting > events.count ? "and \(waiting - events.count) more\n" : ""
        return events.map(crewEvent).joined() + rest
    }

    /// One line; of a refused event with what to tell `crew retry` and `crew discard`.
    static func crewEvent(_ event: JSONValue) -> String {
        let kind = event["event"]?.string == "crew-sign-on" ? "on " : "off"
        var line = "\(text(event, "occurredAt"))  \(kind)  \(text(event, "crewId"))"
        for name in ["name", "role", "train"] {
            if let value = event[name]?.string { line += "  \(name) \(value)" }
        }
        if event["clock"]?.string == "corrected" { line += "  (time corrected)" }
        if event["clock"]?.string == "doubtful" { line += "  (time doubtful)" }
        if let reason = event["rejection"]?.string {
            line += "  refused by the server: \(reason)  (\(text(event, "eventId")))"
        }
        return line + "\n"
    }

    private static func json(_ value: JSONValue) -> String { String(decoding: value.jsonText, as: UTF8.self) + "\n" }

    private static func link(_ status: JSONValue) -> String {
        let server = text(status, "server")
        let link = status["link"] ?? .null
        guard link["state"]?.string == "waiting" else { return "\(server), \(text(link, "state"))" }
        return "\(server), trying again"
    }

    private static func device(_ value: JSONValue?) -> String {
        var line = value?["state"]?.string ?? "unknown"
        if let source = value?["source"]?.string { line += ", \(source)" }
        if let message = value?["message"]?.string { line += ", \(message)" }
        if let remedy = value?["remedy"]?.string { line += ": \(remedy)" }
        return line
    }

    private static func session(_ value: JSONValue) -> String {
        var line = "\(text(value, "monitorId")), \(text(value, "phase"))"
        if let seconds = value["liveSeconds"]?.integer { line += " for \(duration(seconds))" }
        if let first = value["firstFrameMs"]?.integer { line += ", first picture after \(first) ms" }
        if let reason = value["reason"]?.string {
            line += ", \(reason)"
        } else if let trouble = value["relayTrouble"]?.string {
            line += ", no relay: \(trouble)"
        }
        return line
    }

    private static func video(_ value: JSONValue?) -> String {
        let width = value?["width"]?.integer ?? 0
        guard width > 0 else { return "no picture yet" }
        return "\(width)x\(value?["height"]?.integer ?? 0) at \(value?["framesPerSecond"]?.double ?? 0) frames/s, "
            + "target \((value?["targetBitrate"]?.integer ?? 0) / 1000) kbit/s, "
            + "\(value?["dropped"]?.integer ?? 0) dropped\(limitation(value))"
    }

    private static func limitation(_ video: JSONValue?) -> String {
        switch video?["qualityLimitationReason"]?.string {
        case "bandwidth": ", reduced for the network"
        case "cpu": ", reduced for the processor"
        default: ""
        }
    }

    private static func network(_ peer: JSONValue) -> String {
        var line = "\((peer["sentBitrate"]?.integer ?? 0) / 1000) kbit/s"
        if let path = peer["path"]?.string { line += ", \(path)" }
        if let time = peer["roundTripMs"]?.double { line += ", round trip \(Int(time.rounded())) ms" }
        if let lost = peer["fractionLost"]?.double { line += ", \(Int((lost * 100).rounded())) % lost" }
        return line
    }

    private static func outbox(_ value: JSONValue?) -> String {
        let waiting = value?["waiting"]?.integer ?? 0
        let rejected = value?["rejected"]?.integer ?? 0
        let text = waiting == 0 ? "none waiting" : "\(waiting) waiting for the server"
        var line = rejected == 0 ? text : "\(text), \(rejected) refused by it"
        switch value?["storage"]?.string {
        case "reserve": line += "; the disk is full, they go into the room kept for them"
        case "full": line += "; THE DISK IS FULL, no event can be stored"
        case "failed": line += "; NO EVENT CAN BE STORED"
        default: break
        }
        if let remedy = value?["remedy"]?.string { line += " (\(remedy))" }
        return line
    }

    private static func duration(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }

    private static func text(_ value: JSONValue, _ name: String) -> String { value[name]?.string ?? "unknown" }

    private static func table(_ lines: [(String, String)]) -> String {
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { "\($0)\(String(repeating: " ", count: width + 2 - $0.count))\($1)\n" }.joined()
    }
}
