import AgentSettings
import CInput
import Glibc
import Primitives
import Reactor
import Signaling

/// What a badge that was read means: which crew member, and whether they come or go.
struct BadgeRules: Sendable {
    private let pattern: Pattern
    private let action: AgentConfiguration.BadgeReader.Action
    private var lastText: String?
    private var lastReadAt: Instant?

    /// The same badge again within this time is the same swipe.
    private static let repeatTime = Duration.seconds(3)
    /// No duty lasts longer: the next badge is a sign-on even if the last sign-off is missing.
    static let longestDuty = Duration.seconds(18 * 3600)

    /// A regular expression that crosses threads: it is compiled anew where it is used, which costs nothing at the
    /// pace of badges.
    private struct Pattern: Sendable {
        let text: String

        /// The crew member's number: the first group, or all of it.
        func match(_ badge: String) -> String? {
            guard let regex = try? Regex(text), let match = try? regex.wholeMatch(in: badge) else { return nil }
            let group = match.output.count > 1 ? match.output[1].substring : nil
            return String(group ?? Substring(badge))
        }
    }

    init(_ configuration: AgentConfiguration.BadgeReader) {
        pattern = Pattern(text: configuration.pattern)
        action = configuration.action
        lastText = nil
        lastReadAt = nil
    }

    enum Verdict: Equatable, Sendable {
        case crew(String)
        case repeated
        /// It does not match the pattern.
        case unknown
    }

    mutating func judge(_ text: String, now: Instant) -> Verdict {
        defer { (lastText, lastReadAt) = (text, now) }
        if text == lastText, let last = lastReadAt, now - last < BadgeRules.repeatTime { return .repeated }
        return pattern.match(text).map(Verdict.crew) ?? .unknown
    }

    /// - Parameter last: what this crew member did last, and how long ago.
    func kind(after last: (kind: CrewEvent.Kind, age: Duration)?) -> CrewEvent.Kind {
        switch action {
        case .signOn: return .signOn
        case .signOff: return .signOff
        case .toggle:
            guard let last, last.kind == .signOn, last.age < BadgeRules.longestDuty else { return .signOn }
            return .signOff
        }
    }
}

/// The reader's device, grabbed so that no badge types into the kiosk's screen.
struct BadgeDevice: ~Copyable {
    private let owned: FileDescriptor
    let name: String

    init(opening path: String) throws(SystemError) {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open \(path)", errno) }
        let owned = FileDescriptor(takingOwnershipOf: descriptor)
        guard cinput_grab(descriptor) == 0 else { throw SystemError("grab \(path)", errno) }
        guard cinput_stamp_monotonic(descriptor) == 0 else { throw SystemError("clock of \(path)", errno) }
        var buffer = [CChar](repeating: 0, count: 256)
        let length = cinput_name(descriptor, &buffer, 255)
        let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        name = length > 0 ? text : path
        self.owned = owned
    }

    var descriptor: Int32 { owned.rawValue }

    /// The next key, or nil when none waits.
    /// - Throws: when the device is gone.
    func next() throws(SystemError) -> BadgeKeys.Event? {
        var event = input_event()
        while true {
            let count = read(owned.rawValue, &event, MemoryLayout<input_event>.size)
            if count == MemoryLayout<input_event>.size {
                return BadgeKeys.Event(
                    type: event.type, code: event.code, value: event.value,
                    at: Instant(nanoseconds: cinput_nanoseconds(&event)))
            }
            let code = errno
            if count < 0, code == EINTR { continue }
            if count < 0, code == EAGAIN { return nil }
            throw SystemError("read badge reader", count < 0 ? code : ENODEV)
        }
    }
}
