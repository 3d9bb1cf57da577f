/// What a changed configuration file means for an agent that runs.
public struct ConfigurationChange: Equatable, Sendable {
    /// Takes effect now: `log.level`.
    var applied: [String]
    /// Takes effect with the next session: `camera.width`.
    var nextSession: [String]
    /// Takes effect after a restart: `server`.
    var needsRestart: [String]

    /// - Parameter old: what is in effect, so that what waits for a restart is told again each time.
    public init(from old: AgentConfiguration, to new: AgentConfiguration) {
        (applied, nextSession, needsRestart) = ([], [], [])
        let before = Dictionary(
            uniqueKeysWithValues: old.effectiveValues.map { ($0.path.joined(separator: "."), $0.value) })
        let after = Dictionary(
            uniqueKeysWithValues: new.effectiveValues.map { ($0.path.joined(separator: "."), $0.value) })
        for key in Set(before.keys).union(after.keys).sorted() where before[key] != after[key] {
            switch key.prefix(while: { $0 != "." }) {
            case "log", "session": applied.append(key)
            case "video" where key == "video.preference": applied.append(key)
            case "audio" where key == "audio.dtx": applied.append(key)
            // Whether there is sound at all is told to the server at registration.
            case "microphone" where old.microphone.isThere != new.microphone.isThere: needsRestart.append(key)
            case "camera", "microphone", "video", "audio": nextSession.append(key)
            default:
                // The password file is read for each login.
                if key == "kiosk.passwordFile" { applied.append(key) } else { needsRestart.append(key) }
            }
        }
    }

    var isEmpty: Bool { applied.isEmpty && nextSession.isEmpty && needsRestart.isEmpty }

    /// One sentence for the log.
    public var summary: String {
        if isEmpty { return "configuration read again: nothing changed" }
        var parts: [String] = []
        if !applied.isEmpty { parts.append("in effect now: \(applied.joined(separator: ", "))") }
        if !nextSession.isEmpty { parts.append("with the next session: \(nextSession.joined(separator: ", "))") }
        if !needsRestart.isEmpty { parts.append("after a restart: \(needsRestart.joined(separator: ", "))") }
        return "configuration read again: \(parts.joined(separator: "; "))"
    }
}
