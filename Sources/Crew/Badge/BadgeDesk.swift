import AgentSettings
import Glibc
import Primitives
import Reactor
import Service
import Signaling

private let log = Log("badge")

/// The badge reader in the control thread's loop: opened, grabbed, and looked for again when it is unplugged.
struct BadgeDesk: ~Copyable {
    static let token = EventLoop.Token(3)
    private static let retryInterval = Duration.seconds(2)

    private let path: String
    private let prefixes: [String]
    private var device: BadgeDevice?
    private var keys: BadgeKeys
    private var rules: BadgeRules
    private var retryAt: Instant?

    /// - Parameter configuration: nil for a kiosk without a reader.
    init(_ configuration: AgentConfiguration.BadgeReader?) {
        let section = configuration ?? AgentConfiguration.BadgeReader()
        path = section.device
        prefixes = section.prefixes
        device = nil
        keys = BadgeKeys(prefixes: section.prefixes)
        rules = BadgeRules(section)
        retryAt = configuration == nil ? nil : .zero
    }

    /// When to look for the reader again; nil while it is there, and without one.
    var nextTimeout: Instant? { retryAt }

    mutating func reopen(on loop: inout EventLoop, now: Instant) {
        guard let due = retryAt, due <= now else { return }
        do throws(SystemError) {
            let opened = try BadgeDevice(opening: path)
            try loop.register(opened.descriptor, token: BadgeDesk.token, for: .readable)
            log.notice("badge reader open: \(opened.name)")
            device = consume opened
            keys = BadgeKeys(prefixes: prefixes)
            retryAt = nil
        } catch {
            if due == .zero { log.warning("no badge reader: \(error); looking for it again every 2 s") }
            retryAt = now + BadgeDesk.retryInterval
        }
    }

    /// The crew members whose badges have been read since the last call.
    mutating func read(on loop: inout EventLoop, now: Instant) -> [String] {
        guard let current = device.take() else { return [] }
        var found: [String] = []
        do throws(SystemError) {
            while let key = try current.next() {
                guard let line = keys.handle(key) else { continue }
                guard case .whole(let text) = line else {
                    log.repeated(
                        .warning, "broken",
                        "a badge was not read as a whole, or the reader typed a key that is no character: hold it to the reader again; "
                            + "badgeReader.prefixes names what it types before a badge")
                    continue
                }
                switch rules.judge(text, now: key.at) {
                case .crew(let crewId): found.append(crewId)
                case .repeated: break
                case .unknown: log.repeated(.warning, "pattern", "a badge does not match badgeReader.pattern")
                }
            }
            device = consume current
        } catch {
            log.warning("badge reader lost: \(error)")
            try? loop.deregister(current.descriptor)
            retryAt = now + BadgeDesk.retryInterval
        }
        return found
    }

    func kind(after last: (kind: CrewEvent.Kind, age: Duration)?) -> CrewEvent.Kind { rules.kind(after: last) }
}
