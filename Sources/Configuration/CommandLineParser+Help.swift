extension CommandLineParser {
    /// The overview: every command with its line.
    public func help() -> String {
        "\(program): \(summary)\n\nUsage: \(program) COMMAND [FLAGS]\n\n\(list(commands))\n\n"
            + "\(program) COMMAND --help tells more about a command.\n"
    }

    /// Commands that begin with the same word.
    func help(for group: [Command]) -> String {
        "\(list(group))\n\n\(program) COMMAND --help tells more about a command.\n"
    }

    private func list(_ commands: [Command]) -> String {
        "Commands:\n" + columns(commands.map { ("  \($0.name)", $0.summary) })
    }

    /// One command with its arguments and flags.
    public func help(for command: Command) -> String {
        var text = "\(command.summary)\n\nUsage: \(usage(command))\n"
        if !command.arguments.isEmpty {
            text += "\nArguments:\n" + columns(command.arguments.map { ("  \($0.name)", $0.help) }) + "\n"
        }
        let flags = command.flags.map { ("  \($0.name)" + ($0.valueName.map { " \($0)" } ?? ""), $0.help) }
        text += "\nFlags:\n" + columns(flags + [("  -h, --help", "show this")]) + "\n"
        if !command.discussion.isEmpty { text += "\n\(command.discussion)\n" }
        return text
    }

    /// `program command ARGUMENT --required VALUE [--optional VALUE]`.
    public func usage(_ command: Command) -> String {
        var parts = ["\(program) \(command.name)"]
        parts += command.arguments.map { $0.isRequired ? $0.name : "[\($0.name)]" }
        for flag in command.flags.filter(\.isRequired) + command.flags.filter({ !$0.isRequired }) {
            let text = flag.name + (flag.valueName.map { " \($0)" } ?? "")
            parts.append(flag.isRequired ? text : "[\(text)]")
        }
        return parts.joined(separator: " ")
    }

    private func columns(_ rows: [(String, String)]) -> String {
        let width = min(rows.map(\.0.count).max() ?? 0, 38)
        return rows.map { left, right in
            left.count > width
                ? "\(left)\n\(String(repeating: " ", count: width + 2))\(right)"
                : left + String(repeating: " ", count: width + 2 - left.count) + right
        }.joined(separator: "\n")
    }
}
