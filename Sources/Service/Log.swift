import Synchronization

/// Severity, with the numbers of syslog (RFC 5424 section 6.2.1), which the journal uses too.
public enum LogLevel: Int, Comparable, CaseIterable, Sendable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
    case debug = 7

    /// Less severe is greater, as in syslog.
    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }

    /// The word in lines and JSON.
    public var name: String {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }
}

/// One named fact of a log entry. The name is upper case with underscores, as the journal wants it: `SESSION_ID`.
///
/// A value wrapped in `Redacted` stays hidden here too, because only its description is taken.
public struct LogField: Sendable {
    /// The journal takes A to Z, 0 to 9 and underscores, at most 64 characters.
    public var name: StaticString
    /// As it stands in the entry.
    public var value: String

    /// `value` is described at once.
    public init(_ name: StaticString, _ value: some CustomStringConvertible) {
        self.name = name
        self.value = value.description
    }
}

/// Where one part of a program writes what happened.
///
/// The message and the fields are closures that only run when the level is on, so a disabled line costs a load and
/// a compare. Entries go to the journal with their fields when systemd connected the standard error to it
/// (`JOURNAL_STREAM`), else as lines to the standard error. Per-packet facts are counters, never log lines.
public struct Log: Sendable {
    /// The part that speaks, `signaling`.
    public let component: StaticString

    /// `component` in lower case; one is made for each part of a program.
    public init(_ component: StaticString) { self.component = component }

    /// Entries less severe than this are not made. Info at first.
    public static var level: LogLevel {
        get { LogLevel(rawValue: threshold.load(ordering: .relaxed)) ?? .info }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }
    private static let threshold = Atomic<Int>(LogLevel.info.rawValue)

    /// Whether an entry of this severity would be made: for what is dear to put together.
    public func isEnabled(_ level: LogLevel) -> Bool {
        level.rawValue <= Log.threshold.load(ordering: .relaxed)
    }

    /// Something was lost or cannot be done.
    public func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        write(.error, message(), fields())
    }
    /// Something is wrong and the program goes on.
    public func warning(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        write(.warning, message(), fields())
    }
    /// Normal and significant: started, stopped, a session began.
    public func notice(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        write(.notice, message(), fields())
    }
    /// What happened, for readers of the log.
    public func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        write(.info, message(), fields())
    }
    /// What only a programmer asks for.
    public func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        write(.debug, message(), fields())
    }

    /// An entry that may come at any rate: at most one a second for each `name`; the next one says how many were
    /// left out. For bad input from outside and for faults that repeat.
    public func repeated(
        _ level: LogLevel, _ name: StaticString, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> [LogField] = []
    ) {
        guard isEnabled(level) else { return }
        let key = LogRepeats.Key(component: component, name: name)
        guard let suppressed = LogRepeats.shared.admit(key, now: Clock.monotonicNanoseconds()) else { return }
        let text = message()
        var all = fields()
        all.append(LogField("EVENT", "\(name)"))
        if suppressed > 0 { all.append(LogField("SUPPRESSED", suppressed)) }
        LogSink.write(
            component, level, suppressed > 0 ? "\(text) (and \(suppressed) more like it)" : text, all)
    }

    private func write(
        _ level: LogLevel, _ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField]
    ) {
        guard isEnabled(level) else { return }
        LogSink.write(component, level, message(), fields())
    }
}

/// When each repeated entry was last written, and how many were left out since.
final class LogRepeats: Sendable {
    struct Key: Hashable {
        let component: String
        let name: String

        init(component: StaticString, name: StaticString) {
            self.component = "\(component)"
            self.name = "\(name)"
        }
    }

    private struct Entry {
        var lastWritten: Int64
        var suppressed: Int
    }

    static let shared = LogRepeats()
    private let entries = Mutex<[Key: Entry]>([:])

    /// How many were left out before this one, or nil when this one is to be left out too.
    func admit(_ key: Key, now: Int64) -> Int? {
        entries.withLock { entries in
            guard var entry = entries[key] else {
                entries[key] = Entry(lastWritten: now, suppressed: 0)
                return 0
            }
            defer { entries[key] = entry }
            guard now &- entry.lastWritten >= 1_000_000_000 else {
                entry.suppressed += 1
                return nil
            }
            defer { entry = Entry(lastWritten: now, suppressed: 0) }
            return entry.suppressed
        }
    }
}
