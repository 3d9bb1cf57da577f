public import Primitives
public import SessionRules

/// Which lines of the audit to list.
public struct AuditFilter: Hashable, Sendable {
    /// Lines that this kiosk wrote or that tell of it. Nil does not restrict; so with the others.
    public var kioskId: String?
    /// Who did it.
    public var actor: String?
    /// What was done.
    public var kind: AuditEntry.Kind?
    /// The first moment that counts.
    public var from: WallClock?
    /// The first moment that is too late.
    public var to: WallClock?

    /// All of the organization's, unless something restricts.
    public init(
        kioskId: String? = nil, actor: String? = nil, kind: AuditEntry.Kind? = nil, from: WallClock? = nil,
        to: WallClock? = nil
    ) {
        self.kioskId = kioskId
        self.actor = actor
        self.kind = kind
        self.from = from
        self.to = to
    }
}
