internal import JSON
public import Primitives

/// What audit and log say of refused log-ins, however many there are: the first of a name from an address at once, what
/// follows in the same minute as one line with its number, and no more than a few names a minute by themselves.
///
/// Names that have an account have lines of their own, so that made-up names do not push them out.
public struct RefusedLogins: Sendable {
    public struct Refusal: Hashable, Sendable {
        /// Of the account; empty where nobody has that name.
        public var organization: String
        public var name: String
        public var address: IPAddress
        /// `invalid-credentials` or `account-disabled`.
        public var code: String

        public init(organization: String, name: String, address: IPAddress, code: String) {
            self.organization = organization
            self.name = name
            self.address = address
            self.code = code
        }
    }

    /// Told one by one in a minute, of known names and of others.
    public static let linesPerMinute = 10
    private static let minute: Duration = .seconds(60)

    private var ends: Instant?
    /// Refusals since the line that named them.
    private var told: [Refusal: Int]
    private var toldOfKnown: Int
    private var toldOfUnknown: Int
    /// Those that no line names, by organization.
    private var others: [String: Int]

    public init() {
        ends = nil
        told = [:]
        toldOfKnown = 0
        toldOfUnknown = 0
        others = [:]
    }

    /// - Returns: what to write down now.
    public mutating func refused(_ refusal: Refusal, now: Moment) -> AuditEntry? {
        if ends == nil { ends = now.instant + RefusedLogins.minute }
        if let count = told[refusal] {
            told[refusal] = count + 1
            return nil
        }
        let isKnown = !refusal.organization.isEmpty
        guard (isKnown ? toldOfKnown : toldOfUnknown) < RefusedLogins.linesPerMinute else {
            others[refusal.organization, default: 0] += 1
            return nil
        }
        if isKnown { toldOfKnown += 1 } else { toldOfUnknown += 1 }
        told[refusal] = 0
        return RefusedLogins.entry(refusal, count: nil, at: now.wall)
    }

    /// - Returns: the minute's numbers, once it is over.
    public mutating func handleTimeout(now: Moment) -> [AuditEntry] {
        guard let ends, ends <= now.instant else { return [] }
        return finish(at: now.wall)
    }

    /// - Returns: the numbers of a minute that is not over.
    public mutating func finish(at wall: WallClock) -> [AuditEntry] {
        defer { self = RefusedLogins() }
        let repeated = told.filter { $0.value > 0 }.sorted { $0.key.name < $1.key.name }
        return repeated.map { RefusedLogins.entry($0.key, count: $0.value, at: wall) }
            + others.sorted { $0.key < $1.key }.map { organization, count in
                AuditEntry(
                    at: wall, kind: .loginRefused, organization: organization, principal: "",
                    details: ["count": .integer(count)])
            }
    }

    public var nextTimeout: Instant? { ends }

    private static func entry(_ refusal: Refusal, count: Int?, at wall: WallClock) -> AuditEntry {
        let address = JSONValue.string(refusal.address.description)
        guard let count else {
            return AuditEntry(
                at: wall, kind: .loginRefused, organization: refusal.organization, principal: refusal.name,
                details: ["address": address, "code": .string(refusal.code)])
        }
        return AuditEntry(
            at: wall, kind: .loginRefused, organization: refusal.organization, principal: refusal.name,
            details: ["address": address, "code": .string(refusal.code), "count": .integer(count)])
    }
}
