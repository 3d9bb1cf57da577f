public import Database
internal import JSON
public import Primitives
public import SessionRules

extension Store {
    // MARK: Signing keys

    mutating func makeFirstKey(now: WallClock) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            let hasKey =
                try store.database.first("SELECT 1 FROM signing_key WHERE retired_at IS NULL LIMIT 1") {
                    _ throws(DatabaseError) in true
                } ?? false
            if !hasKey { try store.insertKey(now: now) }
        }
    }

    /// A new key signs from now on. Tokens of the old ones stay good until they expire.
    public mutating func rotateKeys(actor: String, now: WallClock) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            try store.database.execute(
                "UPDATE signing_key SET retired_at = ? WHERE retired_at IS NULL", now.milliseconds)
            let expired = now - Tokens.accessLifetime - .seconds(60)
            try store.database.execute("DELETE FROM signing_key WHERE retired_at < ?", expired.milliseconds)
            try store.insertKey(now: now)
            try store.append(AuditEntry(at: now, kind: .keysRotated, organization: "", principal: actor))
        }
    }

    private mutating func insertKey(now: WallClock) throws(DatabaseError) {
        let key = TokenKey.generate()
        try database.execute(
            "INSERT INTO signing_key (id, jwk, created_at) VALUES (?, ?, ?)", key.id, key.jwk.unredacted,
            now.milliseconds)
    }

    // MARK: The directory

    /// What the serving thread needs to know of accounts, keys and revoked tokens.
    public mutating func directory(now: WallClock) throws(DatabaseError) -> DirectoryRecord {
        try readTransaction { store throws(DatabaseError) in
            let keys = try store.database.query(
                "SELECT id, jwk, retired_at IS NOT NULL FROM signing_key WHERE retired_at IS NULL OR retired_at > ? ORDER BY sequence",
                (now - Tokens.accessLifetime).milliseconds
            ) { row throws(DatabaseError) in
                Tokens.StoredKey(id: try row.text(0), jwk: Redacted(try row.text(1)), isRetired: try row.bool(2))
            }
            let revoked = try store.database.query(
                "SELECT id FROM token_family WHERE revoked_at > ?", (now - Tokens.accessLifetime).milliseconds
            ) { row throws(DatabaseError) in try row.text(0) }
            return DirectoryRecord(accounts: try store.accounts(), keys: keys, revokedFamilies: Set(revoked))
        }
    }

    // MARK: Refresh tokens

    /// A log-in begins a family of refresh tokens.
    public mutating func beginFamily(
        _ family: String, account: Account, refreshHash: [UInt8], address: String, now: WallClock
    ) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            try store.database.execute(
                "INSERT INTO token_family (id, account, created_at) VALUES (?, ?, ?)", family, account.id,
                now.milliseconds)
            try store.insertRefreshToken(refreshHash, family: family, now: now)
            try store.append(
                AuditEntry(
                    at: now, kind: .login, organization: account.organization, principal: account.id,
                    details: ["address": .string(address)]))
        }
    }

    public enum RefreshOutcome: Equatable, Sendable {
        case renewed(Account, family: String)
        case unknown
        case expired
        case disabled
        /// Asked for more often than any client needs: nothing was written, and the token is as good as before.
        case tooOften
        /// It was used before: somebody has a copy, so the whole family is revoked.
        case reused(family: String)
    }

    /// Trades a refresh token for the next one of its family.
    ///
    /// A client whose answer was lost on the way has only the token that it sent. Used once more within a short grace, and
    /// while nobody has used what it was traded for, it brings another pair; what it was traded for before is void from
    /// then on. Whoever uses that all the same, or the token itself later, shows that there are two holders.
    public mutating func refresh(
        hash: [UInt8], nextHash: [UInt8], now: WallClock
    ) throws(DatabaseError) -> RefreshOutcome {
        try recordTransaction { store throws(DatabaseError) in
            let found = try store.database.first(
                """
                SELECT t.family, t.expires_at, t.used_at, f.revoked_at, f.account, t.replaced_at
                FROM refresh_token t JOIN token_family f ON f.id = t.family WHERE t.hash = ?
                """, hash
            ) { row throws(DatabaseError) in
                (
                    family: try row.text(0), expires: try row.integer(1), used: try row.optionalInteger(2),
                    revoked: !row.isNull(3), id: try row.text(4), isReplaced: !row.isNull(5)
                )
            }
            guard let found, !found.revoked, let account = try store.account(found.id) else { return .unknown }
            let isLostAnswer = try found.used.map { used throws(DatabaseError) in
                try store.isAnswerLost(of: hash, used: WallClock(milliseconds: used), now: now)
            }
            guard !found.isReplaced, isLostAnswer != false else {
                try store.revoke(family: found.family, now: now)
                try store.append(
                    AuditEntry(
                        at: now, kind: .tokenReused, organization: account.organization, principal: account.id))
                return .reused(family: found.family)
            }
            guard found.expires > now.milliseconds else { return .expired }
            guard !account.isDisabled else { return .disabled }
            let recent = (now + Tokens.refreshLifetime - Tokens.refreshWindow).milliseconds
            let count = try store.database.first(
                "SELECT count(*) FROM refresh_token WHERE family = ? AND expires_at > ?", found.family, recent
            ) { row throws(DatabaseError) in try row.integer(0) }
            guard count ?? 0 < Tokens.refreshesPerWindow else { return .tooOften }
            try store.database.execute(
                "UPDATE refresh_token SET used_at = coalesce(used_at, ?) WHERE hash = ?", now.milliseconds, hash)
            try store.database.execute(
                "UPDATE refresh_token SET replaced_at = coalesce(replaced_at, ?) WHERE parent = ?", now.milliseconds,
                hash)
            try store.insertRefreshToken(nextHash, family: found.family, parent: hash, now: now)
            return .renewed(account, family: found.family)
        }
    }

    /// Whether a token that was traded at `used` may be traded again: soon after, and nothing that it was traded for has
    /// been used. A clock that was set in between decides nothing that a client could lose by.
    private mutating func isAnswerLost(
        of hash: [UInt8], used: WallClock, now: WallClock
    ) throws(DatabaseError) -> Bool {
        guard abs((now - used).nanoseconds) <= Tokens.refreshGrace.nanoseconds else { return false }
        let isTraded =
            try database.first("SELECT 1 FROM refresh_token WHERE parent = ? AND used_at IS NOT NULL LIMIT 1", hash) {
                _ throws(DatabaseError) in true
            } ?? false
        return !isTraded
    }

    public mutating func logOut(_ account: Account, family: String, now: WallClock) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            try store.revoke(family: family, now: now)
            try store.append(
                AuditEntry(at: now, kind: .logout, organization: account.organization, principal: account.id))
        }
    }

    private mutating func revoke(family: String, now: WallClock) throws(DatabaseError) {
        try database.execute(
            "UPDATE token_family SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now.milliseconds, family)
    }

    mutating func revokeFamilies(of account: String, now: WallClock) throws(DatabaseError) {
        try database.execute(
            "UPDATE token_family SET revoked_at = ? WHERE account = ? AND revoked_at IS NULL", now.milliseconds,
            account)
    }

    /// Refresh tokens that can be of no use to anybody, a thief included.
    /// - Returns: how many refresh tokens went.
    @discardableResult
    public mutating func pruneTokens(now: WallClock, limit: Int = .max) throws(DatabaseError) -> Int {
        try recordTransaction { store throws(DatabaseError) in
            // Made while the clock was ahead, they would be good for as much longer.
            try store.database.execute(
                "UPDATE refresh_token SET expires_at = ?1 WHERE expires_at > ?1",
                (now + Tokens.refreshLifetime).milliseconds)
            let count = try store.database.execute(
                "DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE expires_at < ? LIMIT ?)",
                now.milliseconds, limit)
            try store.database.execute(
                "DELETE FROM token_family WHERE NOT EXISTS (SELECT 1 FROM refresh_token WHERE family = token_family.id)"
            )
            try store.database.execute(
                "DELETE FROM token_family WHERE revoked_at < ?",
                (now - Tokens.accessLifetime - .seconds(60)).milliseconds)
            return count
        }
    }

    private mutating func insertRefreshToken(
        _ hash: [UInt8], family: String, parent: [UInt8]? = nil, now: WallClock
    ) throws(DatabaseError) {
        try database.execute(
            "INSERT INTO refresh_token (hash, family, expires_at, parent) VALUES (?, ?, ?, ?)", hash, family,
            (now + Tokens.refreshLifetime).milliseconds, parent)
    }
}

extension WallClock {
    static func - (a: WallClock, b: Duration) -> WallClock {
        WallClock(nanosecondsSince1970: a.nanosecondsSince1970 &- b.nanoseconds)
    }
}
