internal import Crypto
public import JSON
public import Primitives

/// One line of the audit: who did what to whom, when.
public struct AuditEntry: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case login, loginRefused = "login-refused", logout
        case tokenReused = "token-reused"
        case accountAdded = "account-added"
        case accountChanged = "account-changed"
        case passwordChanged = "password-changed"
        case accountDisabled = "account-disabled"
        case accountEnabled = "account-enabled"
        case accountRemoved = "account-removed"
        case monitoringStarted = "monitoring-started"
        case monitoringRefused = "monitoring-refused"
        case mediaStarted = "media-started"
        case mediaStopped = "media-stopped"
        case monitoringStopped = "monitoring-stopped"
        case keysRotated = "keys-rotated"
        case auditPruned = "audit-pruned"
    }

    public var at: WallClock
    public var kind: Kind
    /// Empty where the server as a whole is meant.
    public var organization: String
    /// An account, `cli` for a command on the server's machine, `server` for the server itself; for a refused log-in
    /// the name that was tried.
    public var actor: String
    /// An account, a session; empty where the kind says it all.
    public var subject: String
    /// As JSON text, an object.
    public var details: String

    public init(
        at: WallClock, kind: Kind, organization: String, actor: String, subject: String = "",
        details: KeyValuePairs<String, JSONValue> = [:]
    ) {
        self.at = at
        self.kind = kind
        self.organization = organization
        self.actor = actor
        self.subject = subject
        self.details = String(
            decoding: JSONValue.object(JSONObject(details.map { ($0.key, $0.value) })).jsonText, as: UTF8.self)
    }
}

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

    /// SHA-256 over the hash of the row before and every field of this one, each text behind its length, so that no
    /// two different rows read the same.
    func expectedHash(after previous: [UInt8]) -> [UInt8] {
        var bytes = previous
        func append(_ number: Int64) {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
            }
        }
        append(sequence)
        append(at.milliseconds)
        for text in [organization, kind, actor, subject, details] {
            append(Int64(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        return Digest.hash(bytes.span, using: .sha256)
    }
}
