public import Database
internal import JSON
public import Primitives
public import SessionRules
internal import Signaling

extension Store {
    // MARK: Accounts

    /// By organization and id.
    public mutating func accounts() throws(DatabaseError) -> [Account] {
        try database.query("\(accountColumns) FROM account ORDER BY organization, id") {
            row throws(DatabaseError) in
            try Account(row)
        }
    }

    /// A page of an organization's accounts by id, those after `id`.
    public mutating func accounts(
        of organization: String, after id: String?, limit: Int
    ) throws(DatabaseError) -> [Account] {
        try database.query(
            "\(accountColumns) FROM account WHERE organization = ? AND id > ? ORDER BY id LIMIT ?",
            organization, id ?? "", limit
        ) { row throws(DatabaseError) in try Account(row) }
    }

    public mutating func account(_ id: String) throws(DatabaseError) -> Account? {
        try database.first("\(accountColumns) FROM account WHERE id = ?", id) { row throws(DatabaseError) in
            try Account(row)
        }
    }

    /// An account and what its password is checked against.
    public mutating func credentials(_ id: String) throws(DatabaseError) -> (account: Account, password: PasswordHash)?
    {
        try database.first("\(accountColumns), password_hash FROM account WHERE id = ?", id) {
            row throws(DatabaseError) -> (account: Account, password: PasswordHash) in
            (try Account(row), PasswordHash(encoded: try row.text(11)))
        }
    }

    public mutating func add(
        _ account: Account, password: PasswordHash, actor: String
    ) throws(RecordError) {
        let isNew = try recordingTransaction { store throws(DatabaseError) in
            guard try store.account(account.id) == nil else { return false }
            try store.database.execute(
                """
                INSERT INTO account (id, role, organization, display_name, password_hash, is_disabled, created_at,
                  tokens_valid_from, generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                account.id, account.role.rawValue, account.organization, account.displayName, password.encoded,
                account.isDisabled, account.createdAt.milliseconds, account.tokensValidFrom.milliseconds,
                account.generation)
            try store.append(
                AuditEntry(
                    at: account.createdAt, kind: .accountAdded, organization: account.organization, principal: actor,
                    subject: account.id,
                    details: ["role": .string(account.role.rawValue), "displayName": .string(account.displayName)]))
            return true
        }
        guard isNew else { throw .accountExists(account.id) }
    }

    /// Voids every token of the account.
    public mutating func setPassword(
        _ id: String, _ password: PasswordHash, actor: String, now: WallClock
    ) throws(RecordError) {
        try change(id, .passwordChanged, actor: actor, now: now) { store throws(DatabaseError) in
            try store.database.execute(
                "UPDATE account SET password_hash = ?, tokens_valid_from = ?, generation = ? WHERE id = ?",
                password.encoded, now.milliseconds, Account.newGeneration(), id)
            try store.revokeFamilies(of: id, now: now)
        }
    }

    /// Disabling voids every token; enabling brings none back.
    public mutating func setDisabled(
        _ id: String, _ isDisabled: Bool, actor: String, now: WallClock
    ) throws(RecordError) {
        let kind: AuditEntry.Kind = isDisabled ? .accountDisabled : .accountEnabled
        try change(id, kind, actor: actor, now: now) { store throws(DatabaseError) in
            try store.database.execute("UPDATE account SET is_disabled = ? WHERE id = ?", isDisabled, id)
            guard isDisabled else { return }
            try store.database.execute("UPDATE account SET generation = ? WHERE id = ?", Account.newGeneration(), id)
            try store.revokeFamilies(of: id, now: now)
        }
    }

    public mutating func setDisplayName(
        _ id: String, _ name: String, actor: String, now: WallClock
    ) throws(RecordError) {
        try change(id, .accountChanged, actor: actor, now: now) { store throws(DatabaseError) in
            _ = try store.database.execute("UPDATE account SET display_name = ? WHERE id = ?", name, id)
        }
    }

    /// Its crew events, sessions and audit stay.
    public mutating func remove(_ id: String, actor: String, now: WallClock) throws(RecordError) {
        try change(id, .accountRemoved, actor: actor, now: now) { store throws(DatabaseError) in
            _ = try store.database.execute("DELETE FROM account WHERE id = ?", id)
        }
    }

    /// When kiosks were last online.
    public mutating func seen(_ kiosks: [(id: String, at: WallClock)]) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            for kiosk in kiosks {
                try store.database.execute(
                    "UPDATE account SET last_seen_at = ? WHERE id = ?", kiosk.at.milliseconds, kiosk.id)
            }
        }
    }

    /// What a kiosk said of itself when it registered.
    public mutating func registered(_ id: String, version: String?, hostname: String?) throws(DatabaseError) {
        try database.execute(
            "UPDATE account SET version = ?1, hostname = ?2 WHERE id = ?3 AND (version IS NOT ?1 OR hostname IS NOT ?2)",
            version, hostname, id)
    }

    // MARK: Homes

    /// The addresses from which accounts logged in before, the latest last.
    public mutating func homes() throws(DatabaseError) -> [String: [IPAddress]] {
        let rows = try database.query("SELECT account, address FROM login_home ORDER BY sequence") {
            row throws(DatabaseError) -> (account: String, address: IPAddress?) in
            (try row.text(0), IPAddress(try row.text(1)))
        }
        var homes: [String: [IPAddress]] = [:]
        for row in rows { if let address = row.address { homes[row.account, default: []].append(address) } }
        return homes
    }

    /// The account has logged in from there.
    mutating func rememberHome(_ address: IPAddress, of account: String) throws(DatabaseError) {
        let home = address.prefix64.description
        try database.execute(
            """
            INSERT INTO login_home (account, address, sequence)
            VALUES (?1, ?2, (SELECT coalesce(max(sequence), 0) + 1 FROM login_home WHERE account = ?1))
            ON CONFLICT (account, address) DO UPDATE SET sequence = excluded.sequence
            """, account, home)
        try database.execute(
            """
            DELETE FROM login_home WHERE account = ?1 AND address NOT IN
              (SELECT address FROM login_home WHERE account = ?1 ORDER BY sequence DESC LIMIT ?2)
            """, account, LoginThrottle.homesPerAccount)
    }

    private mutating func change(
        _ id: String, _ kind: AuditEntry.Kind, actor: String, now: WallClock,
        _ body: (inout Store) throws(DatabaseError) -> Void
    ) throws(RecordError) {
        let exists = try recordingTransaction { store throws(DatabaseError) in
            guard let account = try store.account(id) else { return false }
            try body(&store)
            try store.append(
                AuditEntry(at: now, kind: kind, organization: account.organization, principal: actor, subject: id))
            return true
        }
        guard exists else { throw .noSuchAccount(id) }
    }

    /// Records of an older program are read as they are where nothing may be written.
    private var accountColumns: String {
        // The fifth step adds them.
        let latest = schemaVersion < 5 ? "0, NULL, NULL" : "generation, version, hostname"
        return """
            SELECT id, role, organization, display_name, is_disabled, created_at, last_seen_at, tokens_valid_from, \(latest)
            """
    }
}

extension Account {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        let role = try row.text(1)
        guard let role = Role(rawValue: role) else {
            throw DatabaseError(.unexpectedValue, "read account", "unknown role (\(role))")
        }
        self.init(
            id: try row.text(0), role: role, organization: try row.text(2), displayName: try row.text(3),
            isDisabled: try row.bool(4), createdAt: WallClock(milliseconds: try row.integer(5)),
            lastSeenAt: try row.optionalInteger(6).map(WallClock.init(milliseconds:)),
            tokensValidFrom: WallClock(milliseconds: try row.integer(7)), generation: try row.integer(8))
        version = try row.optionalText(9)
        hostname = try row.optionalText(10)
    }
}
