// The lines that the records write themselves, each in the transaction of what it tells.

internal import JSON
public import Primitives
public import SessionRules
public import Signaling

extension AuditEntry {
    // MARK: Accounts

    /// An account was added, at the time at which it was made.
    /// - Parameter actor: an account, or `cli`; so are the others.
    public static func accountAdded(_ account: Account, by actor: String) -> AuditEntry {
        AuditEntry(
            at: account.createdAt, kind: .accountAdded, organization: account.organization, principal: actor,
            subject: account.id,
            details: ["role": .string(account.role.rawValue), "displayName": .string(account.displayName)])
    }

    /// Something of an account was changed, or it was removed.
    /// - Parameter kind: `accountChanged`, `passwordChanged`, `accountDisabled`, `accountEnabled` or `accountRemoved`.
    public static func account(
        _ id: String, _ kind: Kind, organization: String, by actor: String, at: WallClock
    ) -> AuditEntry {
        AuditEntry(at: at, kind: kind, organization: organization, principal: actor, subject: id)
    }

    // MARK: Tokens

    /// A log-in began a family of tokens.
    public static func login(_ account: Account, address: IPAddress, at: WallClock) -> AuditEntry {
        AuditEntry(
            at: at, kind: .login, organization: account.organization, principal: account.id,
            details: ["address": .string(address.description)])
    }

    /// A client ended its family of tokens.
    public static func logout(_ account: Account, at: WallClock) -> AuditEntry {
        AuditEntry(at: at, kind: .logout, organization: account.organization, principal: account.id)
    }

    /// A refresh token had two holders; its family was revoked.
    public static func tokenReused(_ account: Account, at: WallClock) -> AuditEntry {
        AuditEntry(at: at, kind: .tokenReused, organization: account.organization, principal: account.id)
    }

    /// Another key signs from now on.
    public static func keysRotated(by actor: String, at: WallClock) -> AuditEntry {
        AuditEntry(at: at, kind: .keysRotated, organization: "", principal: actor)
    }

    // MARK: Sessions

    /// A session began.
    public static func monitoringStarted(_ session: MonitoringSession) -> AuditEntry {
        AuditEntry(
            at: session.startedAt, kind: .monitoringStarted, organization: session.organization,
            principal: session.monitorId, subject: session.kioskId, details: ["sessionId": .string(session.id)])
    }

    /// A session's kiosk reported of its media.
    public static func media(_ report: SessionReport, of session: SessionRecord, at: WallClock) -> AuditEntry {
        AuditEntry(
            at: at, kind: report.state == .mediaStarted ? .mediaStarted : .mediaStopped,
            organization: session.organization, principal: session.kioskId, subject: session.monitorId,
            details: [
                "sessionId": .string(session.id),
                "firstFrameMs": report.firstFrameMs.map { .integer($0) } ?? .null,
                "reason": report.reason.map { .string($0) } ?? .null,
            ])
    }

    /// A session ended.
    /// - Parameter actor: nil where the monitor itself or circumstances ended it.
    public static func monitoringStopped(
        _ session: SessionRecord, _ reason: SessionEndReason, by actor: SessionEnder?, at: WallClock
    ) -> AuditEntry {
        let seconds = (at.milliseconds - session.startedAt.milliseconds) / 1000
        var details: [(String, JSONValue)] = [
            ("sessionId", .string(session.id)), ("monitorId", .string(session.monitorId)),
            ("reason", .string(reason.rawValue)), ("seconds", .integer(seconds)),
        ]
        if let stated = actor?.reason { details.append(("statedReason", .string(stated))) }
        return AuditEntry(
            at: at, kind: .monitoringStopped, organization: session.organization,
            principal: actor?.id ?? session.monitorId, subject: session.kioskId, details: JSONObject(details))
    }

    // MARK: The audit

    /// The line that tells a beginning which retention has moved from a forged one.
    /// - Parameter sequence: of the last row that goes.
    public static func pruned(through sequence: Int64, at: WallClock) -> AuditEntry {
        AuditEntry(
            at: at, kind: .auditPruned, organization: "", principal: "server", details: ["through": .integer(sequence)])
    }
}
