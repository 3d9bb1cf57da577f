public import JSON
public import Primitives
internal import Signaling

/// One line of the audit: who did what to whom, when.
public struct AuditEntry: Hashable, Sendable {
    /// What was done; the raw value stands in the records.
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

    /// By the server's clock.
    public var at: WallClock
    /// What was done.
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

    /// `details` become one JSON object in the order given.
    public init(
        at: WallClock, kind: Kind, organization: String, principal: String, subject: String = "",
        details: KeyValuePairs<String, JSONValue> = [:]
    ) {
        self.init(
            at: at, kind: kind, organization: organization, principal: principal, subject: subject,
            details: JSONObject(details.map { ($0.key, $0.value) }))
    }

    /// For details of which some may be missing.
    public init(
        at: WallClock, kind: Kind, organization: String, principal: String, subject: String, details: JSONObject
    ) {
        self.at = at
        self.kind = kind
        self.organization = organization
        self.principal = principal
        self.subject = subject
        self.details = String(decoding: JSONValue.object(details).jsonText, as: UTF8.self)
    }
}

extension AuditEntry {
    /// A monitor may not watch a kiosk. Only kiosks of the own organization are anybody's to know about, so that the others are not named.
    static func refusedStart(
        of kioskId: String, by monitor: Party, _ code: SignalingErrorCode, now: WallClock
    ) -> AuditEntry {
        AuditEntry(
            at: now, kind: .monitoringRefused, organization: monitor.organization, principal: monitor.id,
            subject: code == .unknownKiosk ? "" : kioskId, details: ["code": .string(code.rawValue)])
    }
}
