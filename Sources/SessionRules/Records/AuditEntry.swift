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
    public var principal: String
    /// An account, a session; empty where the kind says it all.
    public var subject: String
    /// As JSON text, an object.
    public var details: String

    public init(
        at: WallClock, kind: Kind, organization: String, principal: String, subject: String = "",
        details: KeyValuePairs<String, JSONValue> = [:]
    ) {
        self.at = at
        self.kind = kind
        self.organization = organization
        self.principal = principal
        self.subject = subject
        self.details = String(
            decoding: JSONValue.object(JSONObject(details.map { ($0.key, $0.value) })).jsonText, as: UTF8.self)
    }
}
