internal import Configuration
internal import Glibc
public import JSON
public import Primitives
internal import Reactor

/// The doctor's findings, for people as they come and for machines at the end.
public struct DoctorReport {
    var isTerminal: Bool
    let isVerbose: Bool

    /// - Parameter isVerbose: Whether facts, durations, and reasons and remedies of checks that passed are printed too.
    public init(isVerbose: Bool) {
        isTerminal = isatty(STDOUT_FILENO) == 1
        self.isVerbose = isVerbose
    }

    private var hasColours: Bool { isTerminal && ProcessEnvironment.value("NO_COLOR") == nil }
    private static let idWidth = (CheckID.allCases.map(\.rawValue.count).max() ?? 0) + 2

    /// One line that the next one overwrites.
    public func progress(_ progress: DoctorRun.Progress) {
        guard isTerminal else { return }
        let names = progress.running.map(\.rawValue).joined(separator: " ")
        let line = "\(progress.done) of \(progress.total), \(Int(progress.elapsed.seconds)) s: \(names)"
        Terminal.print("\r\u{1B}[2K\(String(line.prefix(DoctorReport.width - 1)))", terminator: "")
    }

    /// Prints a finding on standard output, in place of the progress line.
    public func ended(_ entry: Doctor.Entry) {
        Terminal.print((isTerminal ? "\r\u{1B}[2K" : "") + text(entry), terminator: "")
    }

    /// A line that is wrapped cannot be overwritten: what every terminal shows.
    private static let width = 80

    func text(_ entry: Doctor.Entry) -> String {
        let finding = entry.finding
        let indent = String(repeating: " ", count: 9 + DoctorReport.idWidth)
        let id = entry.id.rawValue
        var text =
            "\(word(finding.status))\(id)\(String(repeating: " ", count: DoctorReport.idWidth - id.count))\(finding.seen)\n"
        let isFine = finding.status == .ok || finding.status == .skipped
        if let why = finding.why, isVerbose || !isFine { text += "\(indent)why: \(why)\n" }
        if let remedy = finding.remedy, isVerbose || !isFine { text += "\(indent)do:  \(remedy)\n" }
        if isVerbose {
            for member in finding.facts.members {
                text += "\(indent)\(member.name) = \(String(decoding: member.value.jsonText, as: UTF8.self))\n"
            }
            text += "\(indent)took \(Int(entry.duration.milliseconds)) ms\n"
        }
        return text
    }

    private func word(_ status: Finding.Status) -> String {
        let word = status == .failed ? "FAILED" : status.rawValue
        let padded = word + String(repeating: " ", count: 9 - word.count)
        guard hasColours else { return padded }
        let colour =
            switch status {
            case .ok: 32
            case .warning: 33
            case .failed: 31
            case .skipped, .unknown: 2
            }
        return "\u{1B}[\(colour)m\(padded)\u{1B}[0m"
    }

    /// The last line, with its line feed: how many findings of each status, or `no problem found`.
    public static func summary(_ entries: [Doctor.Entry]) -> String {
        let notChecked = entries.filter { $0.finding.isBlocked }.map(\.id.rawValue)
        let unknown = entries.filter { $0.finding.status == .unknown }.map(\.id.rawValue).joined(separator: ", ")
        guard entries.exitStatus != .success else {
            return unknown.isEmpty ? "no problem found\n" : "no problem found; unknown: \(unknown)\n"
        }
        return Finding.Status.allCases.compactMap { status in
            let count = entries.count { $0.finding.status == status }
            guard count > 0 else { return nil }
            if status == .skipped, !notChecked.isEmpty {
                return "\(count) skipped (not checked: \(notChecked.joined(separator: ", ")))"
            }
            return "\(count) \(status.rawValue)" + (status == .unknown ? " (\(unknown))" : "")
        }.joined(separator: ", ") + "\n"
    }

    /// The report that `kiosk-agent doctor --format json` prints.
    ///
    /// - Parameters:
    ///   - kioskId: Nil without a readable configuration; `null` stands in the report then.
    ///   - time: When the checks were done.
    public static func json(_ entries: [Doctor.Entry], kioskId: String?, at time: WallClock) -> JSONValue {
        var report = JSONObject()
        report["version"] = .string(ProductVersion.text)
        report["kioskId"] = kioskId.map(JSONValue.string) ?? .null
        report["at"] = .string(time.text)
        var summary = JSONObject()
        for status in Finding.Status.allCases {
            summary[status.rawValue] = .integer(entries.count { $0.finding.status == status })
        }
        report["summary"] = .object(summary)
        report["checks"] = .array(
            entries.map { entry in
                var check = JSONObject()
                check["id"] = .string(entry.id.rawValue)
                check["status"] = .string(entry.finding.status.rawValue)
                check["seen"] = .string(entry.finding.seen)
                check["why"] = entry.finding.why.map(JSONValue.string)
                check["remedy"] = entry.finding.remedy.map(JSONValue.string)
                if !entry.finding.facts.isEmpty { check["facts"] = .object(entry.finding.facts) }
                check["milliseconds"] = .integer(Int(entry.duration.milliseconds))
                return .object(check)
            })
        return .object(report)
    }
}
