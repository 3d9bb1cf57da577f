public import Primitives

/// An audit line as it is kept.
public struct AuditRow: Hashable, Sendable {
    /// Its place in the chain, from 1 without a gap.
    public var sequence: Int64
    /// By the server's clock, in milliseconds.
    public var at: WallClock
    /// An `AuditEntry.Kind`, or one that this program does not know.
    public var kind: String
    /// Empty where the server as a whole is meant.
    public var organization: String
    /// Who did it, as `AuditEntry.principal`.
    public var actor: String
    /// What or who it was done to.
    public var subject: String
    /// JSON text of an object.
    public var details: String
    /// SHA-256 over the row before and this one.
    public var hash: [UInt8]

    /// As the records have it.
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
