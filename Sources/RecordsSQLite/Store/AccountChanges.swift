internal import Database
internal import Identity
internal import Primitives
internal import Records
internal import SessionRules

/// What administrators do to accounts, each change with its line in the audit.
enum AccountChanges {
    /// Performs a change, all of it or nothing.
    /// - Returns: the account as it is afterwards, or `accountExists`, `noSuchAccount`.
    static func perform(
        _ change: AccountChange, by actor: String, now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> Result<AccountOutcome, RecordError> {
        switch change {
        case .add(let account, let password):
            guard try AccountsTable.insert(account, password: password, in: &database) else {
                return .failure(.accountExists(account.id))
            }
            try AuditTable.append(.accountAdded(account, by: actor), in: &database)
            return .success(.added(account))
        case .change(let id, let displayName, let password, let isDisabled):
            if let displayName {
                let organization = try AccountsTable.setDisplayName(id, displayName, in: &database)
                try note(.accountChanged, of: id, organization, by: actor, now: now, in: &database)
            }
            if let password { try setPassword(id, password, by: actor, now: now, in: &database) }
            if let isDisabled { try setDisabled(id, isDisabled, by: actor, now: now, in: &database) }
            guard let account = try AccountsTable.find(id, in: &database) else {
                return .failure(.noSuchAccount(id))
            }
            return .success(.changed(account))
        case .remove(let id):
            // Its crew events, sessions and audit stay.
            guard let organization = try AccountsTable.delete(id, in: &database) else {
                return .failure(.noSuchAccount(id))
            }
            try note(.accountRemoved, of: id, organization, by: actor, now: now, in: &database)
            return .success(.removed)
        }
    }

    /// Voids every token of the account.
    private static func setPassword(
        _ id: String, _ password: PasswordHash, by actor: String, now: WallClock, in database: inout Database
    ) throws(DatabaseError) {
        let organization = try AccountsTable.setPassword(id, password, now: now, in: &database)
        try TokensTable.revokeAll(of: id, now: now, in: &database)
        try note(.passwordChanged, of: id, organization, by: actor, now: now, in: &database)
    }

    /// Disabling voids every token; enabling brings none back.
    private static func setDisabled(
        _ id: String, _ isDisabled: Bool, by actor: String, now: WallClock, in database: inout Database
    ) throws(DatabaseError) {
        guard isDisabled else {
            let organization = try AccountsTable.enable(id, in: &database)
            return try note(.accountEnabled, of: id, organization, by: actor, now: now, in: &database)
        }
        let organization = try AccountsTable.disable(id, in: &database)
        try TokensTable.revokeAll(of: id, now: now, in: &database)
        try note(.accountDisabled, of: id, organization, by: actor, now: now, in: &database)
    }

    /// - Parameter organization: nil where there was no such account, of which nothing is told.
    private static func note(
        _ kind: AuditEntry.Kind, of id: String, _ organization: String?, by actor: String, now: WallClock,
        in database: inout Database
    ) throws(DatabaseError) {
        guard let organization else { return }
        try AuditTable.append(
            .account(id, kind, organization: organization, by: actor, at: now), in: &database)
    }
}
