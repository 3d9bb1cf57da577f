internal import Database
internal import Primitives
internal import Records
internal import SessionRules

/// How families of tokens begin, go on and end, each with its line in the audit.
enum LogIns {
    /// A password has been checked.
    static func logIn(
        _ checked: CheckedLogIn, now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> LogInVerdict {
        let verdict = checked.verdict(current: try AccountsTable.credentials(checked.name, in: &database))
        // Guesses cost the records nothing: `RefusedLogins` says what is written of them.
        guard case .succeeded(let account) = verdict else { return verdict }
        try TokensTable.begin(
            checked.family, account: account.id, refreshHash: checked.refreshHash, now: now, in: &database)
        try AuditTable.append(.login(account, address: checked.address, at: now), in: &database)
        try HomesTable.remember(checked.address, of: account.id, in: &database)
        return verdict
    }

    /// Trades a refresh token for the next one of its family; `StoredRefreshToken` says when.
    static func refresh(
        hash: [UInt8], nextHash: [UInt8], now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> RefreshOutcome {
        guard let found = try TokensTable.find(hash, now: now, in: &database) else { return .unknown }
        var token = found.token
        token.account = try AccountsTable.find(found.account, in: &database)
        let outcome = token.outcome(now: now)
        switch outcome {
        case .renewed(_, let family):
            try TokensTable.trade(hash, for: nextHash, family: family, now: now, in: &database)
        case .reused(let family):
            try TokensTable.revoke(family: family, now: now, in: &database)
            if let account = token.account { try AuditTable.append(.tokenReused(account, at: now), in: &database) }
        case .unknown, .expired, .disabled, .tooOften: break
        }
        return outcome
    }

    static func logOut(
        _ account: Account, family: String, now: WallClock, in database: inout Database
    ) throws(DatabaseError) {
        try TokensTable.revoke(family: family, now: now, in: &database)
        try AuditTable.append(.logout(account, at: now), in: &database)
    }
}
