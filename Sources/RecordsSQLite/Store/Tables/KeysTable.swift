internal import Database
internal import Identity
internal import Primitives
internal import Records

/// The table `signing_key`.
enum KeysTable {
    /// Makes a key where none signs.
    static func makeFirst(now: WallClock, in database: inout Database) throws(DatabaseError) {
        let signing = try database.first("SELECT 1 FROM signing_key WHERE retired_at IS NULL LIMIT 1") {
            row throws(DatabaseError) in try row.integer(0)
        }
        if signing == nil { try insert(now: now, in: &database) }
    }

    /// A new key signs from now on. Tokens of the old ones stay good until they expire.
    static func rotate(now: WallClock, in database: inout Database) throws(DatabaseError) {
        try database.execute("UPDATE signing_key SET retired_at = ? WHERE retired_at IS NULL", now.milliseconds)
        try database.execute(
            "DELETE FROM signing_key WHERE retired_at < ?", TokenPeriods.forgotten(now: now).milliseconds)
        try insert(now: now, in: &database)
    }

    /// Those with which access tokens may be signed that have not expired, oldest first.
    static func inUse(now: WallClock, in database: inout Database) throws(DatabaseError) -> [Tokens.StoredKey] {
        try database.query(
            """
            SELECT id, jwk, retired_at IS NOT NULL AS is_retired FROM signing_key
            WHERE retired_at IS NULL OR retired_at > ? ORDER BY sequence
            """, TokenPeriods.inAccessTokens(now: now).milliseconds
        ) { row throws(DatabaseError) in
            Tokens.StoredKey(
                id: try row.text("id"), jwk: Redacted(try row.text("jwk")), isRetired: try row.bool("is_retired"))
        }
    }

    private static func insert(now: WallClock, in database: inout Database) throws(DatabaseError) {
        let key = TokenKey.generate()
        try database.execute(
            "INSERT INTO signing_key (id, jwk, created_at) VALUES (?, ?, ?)", key.id, key.jwk.unredacted,
            now.milliseconds)
    }
}
