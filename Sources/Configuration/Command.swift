/// How a program ended, for the shell or the service manager.
public enum ExitStatus: Int32, Sendable {
    case success = 0
    /// It was asked for something sensible and could not do it.
    case failed = 1
    /// It was asked in a way it does not understand: flags, configuration.
    case usage = 2
    /// It did it, and there is something to look at.
    case warnings = 3
}

/// A flag of a command: `--config FILE`, or `--verbose` when it takes no value.
public struct Flag: Sendable {
    /// With its dashes.
    public var name: String
    /// What stands for the value in help, `FILE`; nil for a flag that is on or off.
    public var valueName: String?
    /// One line.
    public var help: String
    /// The values it accepts; empty for any.
    public var choices: [String]
    /// Whether the command is a mistake without it.
    public var isRequired: Bool

    /// Traps when `name` does not begin with two dashes.
    public init(
        _ name: String, _ valueName: String? = nil, choices: [String] = [], required: Bool = false, help: String
    ) {
        precondition(name.hasPrefix("--"), "flag: a name begins with two dashes")
        self.name = name
        self.valueName = valueName ?? (choices.isEmpty ? nil : choices.joined(separator: "|"))
        self.help = help
        self.choices = choices
        isRequired = required
    }
}

/// A positional argument of a command.
public struct Argument: Sendable {
    /// As it stands in help: `ID`.
    public var name: String
    /// One line.
    public var help: String
    /// Whether the command is a mistake without it.
    public var isRequired: Bool

    /// `name` as it stands in help.
    public init(_ name: String, required: Bool = true, help: String) {
        self.name = name
        self.help = help
        isRequired = required
    }
}

/// One thing a program does: `serve`, or `crew sign-on`.
public struct Command: Sendable {
    /// The words that select it, separated by single spaces.
    public var name: String
    /// One line.
    public var summary: String
    /// Paragraphs below the flags in help.
    public var discussion: String
    /// In the order in which they are given.
    public var arguments: [Argument]
    /// In the order of help; `--help` is always there.
    public var flags: [Flag]

    /// Optional arguments must stand behind the required ones; nothing is checked.
    public init(
        _ name: String, summary: String, arguments: [Argument] = [], flags: [Flag] = [], discussion: String = ""
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.arguments = arguments
        self.flags = flags
    }
}

/// What one command line asks for.
public struct Invocation: Equatable, Sendable {
    /// The command's name, `crew sign-on`.
    public var command: String
    var values: [String: String]
    var positionals: [String: String]

    /// The value of a flag, by its name with dashes, or of an argument, by its name in help. Nil when not given.
    public subscript(name: String) -> String? { values[name] ?? positionals[name] }

    /// Whether a flag was given.
    public func has(_ flag: String) -> Bool { values[flag] != nil }
}
