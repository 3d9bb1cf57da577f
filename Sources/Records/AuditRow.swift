public import Primitives

/// An audit line as it is kept.
public struct AuditRow: Hashable, Sendable {
    public var sequence: Int64
    public var at: WallClock
    public var kind: String
    public var organization: String
    public var actor: String
    public var subject: String
    public var details: String
    public var hash: [UInt8]

    public init(
        sequence: Int64, at: WallClock, kind: String, organization: String, actor: String, subject: String,
        details: String, hash: [UInt8]
    ) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.organization = organization
        self.actor = actor
        self.subject = subject
        self.details = details
        self.hash = hash
    }
}
