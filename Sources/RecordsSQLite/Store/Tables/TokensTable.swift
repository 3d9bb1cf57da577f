internal import Database
internal import Primitives
internal import Records

/// The tables `token_family` and `refresh_token`: what log-ins were given.
enum TokensTable {
    // MARK: Families

    /// A log-in begins a family with its first refresh token.
    static func begin(
        _ family: String, account: String, refreshHash: [UInt8], now: WallClock, in database: inout Database
    ) throws(DatabaseError) {
        try database.execute(
            "INSERT INTO token_family (id, account, created_at) VALUES (?, ?, ?)", family, account, now.milliseconds)
        try insert(refreshHash, family: family, parent: nil, now: now, in: &database)
    }

    static func revoke(family: String, now: WallClock, in database: inout Database) throws(DatabaseError) {
        try database.execute(
            "UPDATE token_family SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now.milliseconds, family)
    }

    static func revokeAll(of account: String, now: WallClock, in database: inout Database) throws(DatabaseError) {
        try database.execute(
            "UPDATE token_family SET revoked_at = ? WHERE account = ? AND revoked_at IS NULL", now.milliseconds,
            account)
    }

    /// Families that are revoked and may be named by access tokens that have not expired.
    static func revoked(now: WallClock, in database: inout Database) throws(DatabaseError) -> Set<String> {
        Set(
            try database.query(
                "SELECT id FROM token_family WHERE revoked_at > ?", TokenPeriods.inAccessTokens(now: now).milliseconds
            ) { row throws(DatabaseError) in try row.text("id") })
    }

    // MARK: Refresh tokens

    /// A refresh token, without its account.
    /// - Returns: the token, and whose it is; nil when there is none of that hash.
    static func find(
        _ hash: [UInt8], now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> (token: StoredRefreshToken, account: String)? {
        try database.first(
            """
            SELECT t.family, t.expires_at, t.used_at, f.revoked_at, f.account, t.replaced_at,
              EXISTS (SELECT 1 FROM refresh_token n WHERE n.parent = t.hash AND n.used_at IS NOT NULL) AS is_followed,
              (SELECT count(*) FROM refresh_token r WHERE r.family = t.family AND r.expires_at > ?1) AS recent
            FROM refresh_token t JOIN token_family f ON f.id = t.family WHERE t.hash = ?2
            """, TokenPeriods.recentExpiry(now: now).milliseconds, hash
        ) { row throws(DatabaseError) in
            (
                token: StoredRefreshToken(
                    family: try row.text("family"), account: nil, isRevoked: !row.isNull("revoked_at"),
                    expiresAt: WallClock(milliseconds: try row.integer("expires_at")),
                    usedAt: try row.optionalInteger("used_at").map(WallClock.init(milliseconds:)),
                    isReplaced: !row.isNull("replaced_at"), isFollowed: try row.bool("is_followed"),
                    recentTrades: Int(try row.integer("recent"))), account: try row.text("account")
            )
        }
    }

    /// Writes down that a token was traded for another: what it was traded for before is replaced.
    static func trade(
        _ hash: [UInt8], for next: [UInt8], family: String, now: WallClock, in database: inout Database
    ) throws(DatabaseError) {
        try database.execute(
            "UPDATE refresh_token SET used_at = coalesce(used_at, ?) WHERE hash = ?", now.milliseconds, hash)
        try database.execute(
            "UPDATE refresh_token SET replaced_at = coalesce(replaced_at, ?) WHERE parent = ?", now.milliseconds, hash)
        try insert(next, family: family, parent: hash, now: now, in: &database)
    }

    private static func insert(
        _ hash: [UInt8], family: String, parent: [UInt8]?, now: WallClock, in database: inout Database
    ) throws(DatabaseError) {
        try database.execute(
            "INSERT INTO refresh_token (hash, family, expires_at, parent) VALUES (?, ?, ?, ?)", hash, family,
            TokenPeriods.refreshExpiry(now: now).milliseconds, parent)
    }

    // MARK: Age

    static func expiry(before age: WallClock, in database: inout Database) throws(DatabaseError) -> Expiry {
        try Expiry.count("refresh_token", "expires_at", before: age, in: &database)
    }

    /// Refresh tokens that can be of no use to anybody, a thief included.
    /// - Returns: how many refresh tokens went.
    static func prune(now: WallClock, limit: Int, in database: inout Database) throws(DatabaseError) -> Int {
        // Made while the clock was ahead, they would be good for as much longer.
        try database.execute(
            "UPDATE refresh_token SET expires_at = ?1 WHERE expires_at > ?1",
            TokenPeriods.refreshExpiry(now: now).milliseconds)
        let count = try Expiry.prune(
            "refresh_token", key: "hash", "expires_at", before: now, limit: limit, in: &database)
        try database.execute(
            "DELETE FROM token_family WHERE NOT EXISTS (SELECT 1 FROM refresh_token WHERE family = token_family.id)")
        try database.execute(
            "DELETE FROM token_family WHERE revoked_at < ?", TokenPeriods.forgotten(now: now).milliseconds)
        return count
    }
}
