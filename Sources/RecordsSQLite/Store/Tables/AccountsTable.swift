internal import Database
internal import Identity
internal import Primitives
internal import Records
internal import SessionRules
internal import Signaling

/// The table `account`.
enum AccountsTable {
    /// By organization and id.
    static func all(in database: inout Database) throws(DatabaseError) -> [Account] {
        try database.query("SELECT \(columns(of: database)) FROM account ORDER BY organization, id") {
            row throws(DatabaseError) in
            try Account(row)
        }
    }

    /// A page of an organization's accounts by id, those after `id`.
    static func page(
        of organization: String, after id: String?, limit: Int, in database: inout Database
    ) throws(DatabaseError) -> [Account] {
        try database.query(
            "SELECT \(columns(of: database)) FROM account WHERE organization = ? AND id > ? ORDER BY id LIMIT ?",
            organization, id ?? "", limit
        ) { row throws(DatabaseError) in try Account(row) }
    }

    static func find(_ id: String, in database: inout Database) throws(DatabaseError) -> Account? {
        try database.first("SELECT \(columns(of: database)) FROM account WHERE id = ?", id) {
            row throws(DatabaseError) in
            try Account(row)
        }
    }

    /// An account and what its password is checked against.
    static func credentials(_ id: String, in database: inout Database) throws(DatabaseError) -> StoredCredentials? {
        try database.first("SELECT \(columns(of: database)), password_hash FROM account WHERE id = ?", id) {
            row throws(DatabaseError) in
            StoredCredentials(account: try Account(row), password: PasswordHash(encoded: try row.text("password_hash")))
        }
    }

    /// - Returns: false when there is one of that name.
    static func insert(
        _ account: Account, password: PasswordHash, in database: inout Database
    ) throws(DatabaseError) -> Bool {
        try database.execute(
            """
            INSERT INTO account (id, role, organization, display_name, password_hash, is_disabled, created_at,
              tokens_valid_from, generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
            """,
            account.id, account.role.rawValue, account.organization, account.displayName, password.encoded,
            account.isDisabled, account.createdAt.milliseconds, account.tokensValidFrom.milliseconds,
            account.generation) == 1
    }

    /// Its access tokens of before are void.
    /// - Returns: its organization; nil when there is no such account. So do the others.
    static func setPassword(
        _ id: String, _ password: PasswordHash, now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> String? {
        try organization(
            changed: """
                UPDATE account SET password_hash = ?, tokens_valid_from = ?, generation = ? WHERE id = ?
                RETURNING organization
                """, [password.encoded, now.milliseconds, Account.newGeneration(), id], in: &database)
    }

    /// Its access tokens of before are void.
    static func disable(_ id: String, in database: inout Database) throws(DatabaseError) -> String? {
        try organization(
            changed: "UPDATE account SET is_disabled = 1, generation = ? WHERE id = ? RETURNING organization",
            [Account.newGeneration(), id], in: &database)
    }

    /// Brings no token back.
    static func enable(_ id: String, in database: inout Database) throws(DatabaseError) -> String? {
        try organization(
            changed: "UPDATE account SET is_disabled = 0 WHERE id = ? RETURNING organization", [id], in: &database)
    }

    static func setDisplayName(
        _ id: String, _ name: String, in database: inout Database
    ) throws(DatabaseError) -> String? {
        try organization(
            changed: "UPDATE account SET display_name = ? WHERE id = ? RETURNING organization", [name, id],
            in: &database)
    }

    /// Its tokens and homes go with it.
    static func delete(_ id: String, in database: inout Database) throws(DatabaseError) -> String? {
        try organization(changed: "DELETE FROM account WHERE id = ? RETURNING organization", [id], in: &database)
    }

    /// When kiosks were last online.
    static func seen(_ kiosks: [(id: String, at: WallClock)], in database: inout Database) throws(DatabaseError) {
        for kiosk in kiosks {
            try database.execute(
                "UPDATE account SET last_seen_at = ? WHERE id = ?", kiosk.at.milliseconds, kiosk.id)
        }
    }

    /// Forgets sights that lie ahead: they were written by a clock that was wrong.
    static func forgetSeen(after time: WallClock, in database: inout Database) throws(DatabaseError) {
        try database.execute("UPDATE account SET last_seen_at = NULL WHERE last_seen_at > ?", time.milliseconds)
    }

    /// What a kiosk said of itself when it registered.
    static func registered(
        _ id: String, version: String?, hostname: String?, in database: inout Database
    ) throws(DatabaseError) {
        try database.execute(
            "UPDATE account SET version = ?1, hostname = ?2 WHERE id = ?3 AND (version IS NOT ?1 OR hostname IS NOT ?2)",
            version, hostname, id)
    }

    private static func organization(
        changed sql: String, _ values: [any DatabaseBindable], in database: inout Database
    ) throws(DatabaseError) -> String? {
        try database.query(sql, binding: values.map(\.databaseValue)) { row throws(DatabaseError) in
            try row.text("organization")
        }.first
    }

    /// Records of an older program are read as they are where nothing may be written.
    private static func columns(of database: borrowing Database) -> String {
        // The fifth step adds them.
        let latest =
            database.schemaVersion < 5
            ? "0 AS generation, NULL AS version, NULL AS hostname" : "generation, version, hostname"
        return """
            id, role, organization, display_name, is_disabled, created_at, last_seen_at, tokens_valid_from, \(latest)
            """
    }
}

extension Account {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        let role = try row.text("role")
        guard let role = Role(rawValue: role) else {
            throw DatabaseError(.unexpectedValue, "read account", "unknown role (\(role))")
        }
        self.init(
            id: try row.text("id"), role: role, organization: try row.text("organization"),
            displayName: try row.text("display_name"),
            isDisabled: try row.bool("is_disabled"), createdAt: WallClock(milliseconds: try row.integer("created_at")),
            lastSeenAt: try row.optionalInteger("last_seen_at").map(WallClock.init(milliseconds:)),
            tokensValidFrom: WallClock(milliseconds: try row.integer("tokens_valid_from")),
            generation: try row.integer("generation"))
        version = try row.optionalText("version")
        hostname = try row.optionalText("hostname")
    }
}
