/// A program's command line: subcommands, long flags, help on every level.
///
/// `--flag value` and `--flag=value` mean the same; `--` ends the flags; `-h` and `--help` show help anywhere.
public struct CommandLineParser: Sendable {
    /// The program's name, as it stands in help and errors.
    public var program: String
    /// One line.
    public var summary: String
    /// In the order of help.
    public var commands: [Command]

    /// The first word of a line selects among `commands`.
    public init(program: String, summary: String, commands: [Command]) {
        self.program = program
        self.summary = summary
        self.commands = commands
    }

    /// What a command line led to; nothing has been done yet.
    public enum Outcome: Equatable, Sendable {
        case run(Invocation)
        /// Text for the standard output; exit with success.
        case help(String)
        /// One or two lines for the standard error; exit with `ExitStatus.usage`.
        case misuse(String)
    }

    /// Parses what follows the program's name.
    public func parse(_ arguments: [String]) -> Outcome {
        let words = Array(arguments.prefix { !$0.hasPrefix("-") })
        if words.isEmpty, arguments.isEmpty || ["-h", "--help"].contains(arguments[0]) { return .help(help()) }
        if words.first == "help" { return parse(Array(words.dropFirst()) + ["--help"]) }
        guard let command = command(startingWith: words) else {
            let wantsHelp = arguments.contains { ["-h", "--help"].contains($0) }
            let group = words.first.map { first in commands.filter { $0.name.hasPrefix("\(first) ") } } ?? []
            if !group.isEmpty {
                if wantsHelp || words.count == 1 && arguments.count == 1 { return .help(help(for: group)) }
                let names = group.map { $0.name.dropFirst(words[0].count + 1) }.joined(separator: ", ")
                return misuse("\(words[0]) must be followed by one of: \(names)", words[0])
            }
            guard let first = arguments.first else { return .help(help()) }
            if words.isEmpty { return misuse("a command must come before \(first)", nil) }
            let nearest = Similarity.nearest(to: first, among: commands.map { firstWord($0.name) })
            return misuse(
                "unknown command \"\(first)\"" + (nearest.map { ", did you mean \($0)?" } ?? ""), nil)
        }
        return parse(Array(arguments.dropFirst(wordCount(command))), for: command)
    }

    private func parse(_ arguments: [String], for command: Command) -> Outcome {
        var invocation = Invocation(command: command.name, values: [:], positionals: [:])
        var flagsEnded = false
        var positionals = command.arguments[...]
        var index = 0
        while index < arguments.count {
            let word = arguments[index]
            index += 1
            if !flagsEnded, word == "--" {
                flagsEnded = true
            } else if !flagsEnded, word.hasPrefix("-"), word != "-" {
                if word == "-h" || word == "--help" { return .help(help(for: command)) }
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let name = String(parts[0])
                guard let flag = command.flags.first(where: { $0.name == name }) else {
                    let nearest = Similarity.nearest(to: name, among: command.flags.map(\.name))
                    return misuse(
                        "unknown flag \(name)" + (nearest.map { ", did you mean \($0)?" } ?? ""), command.name)
                }
                guard invocation.values[name] == nil else { return misuse("\(name) is given twice", command.name) }
                var value = parts.count == 2 ? String(parts[1]) : ""
                if let valueName = flag.valueName {
                    if parts.count == 1 {
                        guard index < arguments.count else {
                            return misuse("\(name) needs a value (\(valueName))", command.name)
                        }
                        value = arguments[index]
                        index += 1
                    }
                    guard !value.isEmpty else { return misuse("\(name) needs a value (\(valueName))", command.name) }
                    guard flag.choices.isEmpty || flag.choices.contains(value) else {
                        return misuse(
                            "\(name) must be one of \(flag.choices.joined(separator: ", ")) (\(value))", command.name)
                    }
                } else if parts.count == 2 {
                    return misuse("\(name) takes no value", command.name)
                }
                invocation.values[name] = value
            } else {
                guard let argument = positionals.popFirst() else {
                    return misuse("unexpected argument \"\(ConfigurationError.printable(word))\"", command.name)
                }
                invocation.positionals[argument.name] = word
            }
        }
        // Help's order is the order of complaint.
        if let missing = positionals.first, missing.isRequired {
            return misuse("\(missing.name) is missing", command.name)
        }
        if let missing = command.flags.first(where: { $0.isRequired && invocation.values[$0.name] == nil }) {
            return misuse("\(missing.name) is missing", command.name)
        }
        return .run(invocation)
    }

    /// The longest command whose words begin the line.
    private func command(startingWith words: [String]) -> Command? {
        commands.filter { command in
            let own = command.name.split(separator: " ").map(String.init)
            return own.count <= words.count && Array(words.prefix(own.count)) == own
        }.max { wordCount($0) < wordCount($1) }
    }

    private func wordCount(_ command: Command) -> Int { command.name.split(separator: " ").count }

    private func firstWord(_ name: String) -> String { String(name.prefix { $0 != " " }) }

    private func misuse(_ text: String, _ command: String?) -> Outcome {
        let place = command.map { "\(program) \($0)" } ?? program
        return .misuse("\(program): \(text)\ntry: \(place) --help")
    }
}
