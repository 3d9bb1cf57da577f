import CSystemd
import Glibc
import Synchronization

/// The place where all entries of the process end.
public enum LogSink {
    /// Receives entries instead of the journal and the standard error; for tests.
    public typealias Capture =
        @Sendable (
            _ component: String, _ level: LogLevel, _ message: String, _ fields: [LogField]
        ) -> Void

    /// How entries are written.
    public enum Format: Int, Sendable {
        /// To the journal when the standard error leads there, else as lines of text to the standard error.
        case automatic
        case text
        /// One JSON object a line (RFC 8259), to the standard error.
        case json
    }

    /// Set once at the start; `automatic` at first.
    public static var format: Format {
        get { Format(rawValue: chosen.load(ordering: .relaxed)) ?? .automatic }
        set { chosen.store(newValue.rawValue, ordering: .relaxed) }
    }
    private static let chosen = Atomic<Int>(Format.automatic.rawValue)

    private static let captured = Mutex<Capture?>(nil)
    private static let identifier = Mutex<String>("kiosk")
    private static let journal: Bool = isJournal(STDERR_FILENO)

    /// Names the program in the journal. Call once, at the start.
    public static func start(identifier name: String) { identifier.withLock { $0 = name } }

    /// Diverts all entries; nil restores the normal way.
    public static func capture(_ capture: Capture?) { captured.withLock { $0 = capture } }

    static func write(_ component: StaticString, _ level: LogLevel, _ message: String, _ fields: [LogField]) {
        if let capture = captured.withLock({ $0 }) {
            capture("\(component)", level, message, fields)
            return
        }
        switch format {
        case .json: writeJSON("\(component)", level, message, fields)
        case .automatic where journal: writeJournal("\(component)", level, message, fields)
        case .automatic, .text: writeLine("\(component)", level, message, fields)
        }
    }

    /// systemd tells the device and inode of the stream it connected: only then is the journal on the other side.
    private static func isJournal(_ descriptor: Int32) -> Bool {
        guard let text = getenv("JOURNAL_STREAM") else { return false }
        let parts = String(cString: text).split(separator: ":")
        var status = stat()
        guard parts.count == 2, fstat(descriptor, &status) == 0 else { return false }
        return UInt64(parts[0]) == UInt64(status.st_dev) && UInt64(parts[1]) == UInt64(status.st_ino)
    }

    private static func writeJournal(_ component: String, _ level: LogLevel, _ message: String, _ fields: [LogField]) {
        var entries = [
            "MESSAGE=\(component): \(message)", "PRIORITY=\(level.rawValue)", "KIOSK_COMPONENT=\(component)",
            "SYSLOG_IDENTIFIER=\(identifier.withLock { $0 })",
        ]
        entries += fields.map { "KIOSK_\($0.name)=\($0.value)" }
        var bytes = entries.flatMap { Array($0.utf8) }
        bytes.withUnsafeMutableBytes { buffer in
            guard var base = buffer.baseAddress else { return }
            let vectors = entries.map { entry in
                defer { base += entry.utf8.count }
                return iovec(iov_base: base, iov_len: entry.utf8.count)
            }
            _ = sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }

    private static func writeLine(_ component: String, _ level: LogLevel, _ message: String, _ fields: [LogField]) {
        var line = "\(timestamp()) \(level.name): \(component): \(printable(message))"
        for field in fields { line += " \(String(describing: field.name).lowercased())=\(quoted(field.value))" }
        line += "\n"
        // One write a line, so that lines of several threads do not mix.
        var text = line
        text.withUTF8 { buffer in _ = Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count) }
    }

    private static func writeJSON(_ component: String, _ level: LogLevel, _ message: String, _ fields: [LogField]) {
        var line = "{\"time\":\"\(timestamp())\",\"level\":\"\(level.name)\""
        line += ",\"program\":\(json(identifier.withLock { $0 })),\"component\":\(json(component))"
        line += ",\"message\":\(json(message))"
        for field in fields { line += ",\(json(String(describing: field.name).lowercased())):\(json(field.value))" }
        line += "}\n"
        line.withUTF8 { buffer in _ = Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count) }
    }

    /// A JSON string (RFC 8259 section 7).
    static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func timestamp() -> String {
        let nanoseconds = Clock.wallNanoseconds()
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let milliseconds = String(1000 + nanoseconds / 1_000_000 % 1000).dropFirst()
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)Z"
    }

    /// An entry stays one line, also with text from outside.
    private static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        return text.unicodeScalars.reduce(into: "") {
            $0 += $1.value < 0x20 || $1.value == 0x7F ? $1.escaped(asASCII: true) : String($1)
        }
    }

    private static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x7F }
        return plain && !text.isEmpty ? text : "\"\(printable(text).replacingQuotes())\""
    }
}

extension String {
    fileprivate func replacingQuotes() -> String {
        contains("\"") ? split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") : self
    }
}
