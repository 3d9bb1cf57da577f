/// What is wrong with a configuration, as one line a person can act on: `file:line: key: rule (value)`.
public struct ConfigurationError: Error, Equatable, Sendable {
    /// Its path, as the program was given it.
    public var file: String
    /// Counted from 1; nil when the whole file is meant.
    public var line: Int?
    /// The dotted path of the key, `camera.width`; nil when no key is meant.
    public var key: String?
    /// The rule that was violated, lower case: "must be a whole number".
    public var rule: String
    /// What was found instead; nil when there is nothing to show, or when it is a secret.
    public var value: String?

    /// Nothing is checked; a secret must not stand in `value`.
    public init(file: String, line: Int? = nil, key: String? = nil, rule: String, value: String? = nil) {
        self.file = file
        self.line = line
        self.key = key
        self.rule = rule
        self.value = value
    }
}

extension ConfigurationError: CustomStringConvertible {
    public var description: String {
        var text = file
        if let line { text += ":\(line)" }
        if let key { text += ": \(key)" }
        text += ": \(rule)"
        if let value { text += " (\(ConfigurationError.printable(value)))" }
        return text
    }

    /// One line of at most 80 characters, whatever the file held.
    static func printable(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars.prefix(80) {
            text += scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return value.unicodeScalars.count > 80 ? text + "…" : text
    }
}

/// A rule that one value breaks. Thrown from a `Decodable` initializer; the decoder adds file, line and key.
public struct RuleViolation: Error, Equatable, Sendable {
    /// Lower case: "must be a whole number".
    public var rule: String
    /// Shown instead of the value's own text, for values that were put together.
    public var value: String?

    /// `value` nil shows the value's own text, if it is no secret.
    public init(_ rule: String, value: String? = nil) {
        self.rule = rule
        self.value = value
    }
}
