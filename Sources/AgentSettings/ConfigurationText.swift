public import Configuration
public import JSON
internal import Primitives

/// The configuration as it takes effect, for people: every key, also those that are not written down, and no secret.
public struct ConfigurationText {
    private struct Entry {
        /// One or two words: the section, if any, and the key.
        var path: [String]
        var value: String
        var isDefault: Bool

        /// Lists are written as YAML already.
        var isList: Bool { path[0] == "network" }
    }

    private var entries: [Entry]

    /// - Parameter document: Tells which values are written down and which are defaults.
    public init(_ configuration: AgentConfiguration, in document: ConfigurationDocument) {
        entries = []
        for (path, value) in configuration.effectiveValues {
            entries.append(Entry(path: path, value: value, isDefault: !document.contains(path)))
        }
    }

    /// YAML that could be used as the file itself.
    public var yaml: String {
        var text = ""
        var section: String?
        for entry in entries {
            let indent = entry.path.count > 1 ? "  " : ""
            if entry.path.count > 1, section != entry.path[0] {
                section = entry.path[0]
                text += "\(entry.path[0]):\n"
            }
            let value = entry.isList ? entry.value : ConfigurationText.scalar(entry.value)
            let line = "\(indent)\(entry.path[entry.path.count - 1]): \(value)"
            text += entry.isDefault ? "\(line)  # default\n" : "\(line)\n"
        }
        return text
    }

    /// An object whose members are named `section.key`, each with `value`, always a text, and `default`, whether the value is
    /// not written down.
    public var json: JSONValue {
        var object = JSONObject()
        for entry in entries {
            var item = JSONObject()
            item["value"] = .string(entry.value)
            item["default"] = .bool(entry.isDefault)
            object[entry.path.joined(separator: ".")] = .object(item)
        }
        return .object(object)
    }

    private static func scalar(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"'#,[]{}&*!|>%@`\\".utf8.contains($0) }
            && !value.contains(": ") && !value.hasPrefix("-")
        return isPlain ? value : "\"\(value.replacing("\\", "\\\\").replacing("\"", "\\\""))\""
    }
}

extension String {
    fileprivate func replacing(_ character: Character, _ replacement: String) -> String {
        reduce(into: "") { $0 += $1 == character ? replacement : String($1) }
    }
}

extension AgentConfiguration {
    /// Every key with its effective value, in the order of the documentation.
    var effectiveValues: [(path: [String], value: String)] {
        var values: [([String], String)] = [
            (["server"], server.description), (["allowInsecure"], "\(allowInsecure)"), (["kiosk", "id"], kiosk.id),
            (["kiosk", "passwordFile"], kiosk.passwordFile),
        ]
        values += [
            (["camera", "device"], camera.device), (["camera", "width"], "\(camera.width)"),
            (["camera", "height"], "\(camera.height)"), (["camera", "frameRate"], "\(camera.frameRate)"),
            (["microphone", "device"], microphone.device),
            (["video", "maxBitrate"], "\(video.maxBitrate.bitsPerSecond)"),
            (["video", "preference"], video.preference.rawValue),
            (["audio", "dtx"], "\(audio.dtx)"),
            (["controlSocket"], controlSocket), (["stateDirectory"], stateDirectoryPath),
        ]
        if let file = tls.caFile { values.append((["tls", "caFile"], file)) }
        values += [(["network", "allow"], list(network.allow)), (["network", "deny"], list(network.deny))]
        if let led = indicator.led { values.append((["indicator", "led"], led)) }
        if let line = indicator.gpioLine {
            values += [
                (["indicator", "gpioLine"], line), (["indicator", "gpioChip"], indicator.gpioChip),
                (["indicator", "gpioActiveLow"], "\(indicator.gpioActiveLow)"),
            ]
        }
        if let file = indicator.file { values.append((["indicator", "file"], file)) }
        values.append((["requireIndicator"], "\(requireIndicator)"))
        values.append((["session", "withoutServer"], "\(Int(session.withoutServer.seconds))s"))
        if let reader = badgeReader {
            values += [
                (["badgeReader", "device"], reader.device), (["badgeReader", "pattern"], reader.pattern),
                (["badgeReader", "action"], reader.action.rawValue),
            ]
            // JSON's text of a list is YAML too, control characters included.
            let prefixes = JSONValue.array(reader.prefixes.map(JSONValue.string)).jsonText
            values.append((["badgeReader", "prefixes"], String(decoding: prefixes, as: UTF8.self)))
        }
        values.append((["log", "level"], log.level.rawValue))
        return values
    }

    private func list(_ names: [String]) -> String {
        "[" + names.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
    }
}
