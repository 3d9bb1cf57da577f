internal import Database
internal import Records

/// The table `preference`: a document for each account that keeps one; it goes with its account.
enum PreferencesTable {
    static func find(_ account: String, in database: inout Database) throws(DatabaseError) -> StoredPreferences {
        try database.first("SELECT document, revision FROM preference WHERE account = ?", account) {
            row throws(DatabaseError) in
            StoredPreferences(document: try row.blob("document"), revision: try row.integer("revision"))
        } ?? .none
    }

    static func keep(
        _ change: PreferencesChange, in database: inout Database
    ) throws(DatabaseError) -> PreferencesOutcome {
        let current = try find(change.account, in: &database).revision
        guard change.expected?.contains(current) != false else { return .changedMeanwhile(revision: current) }
        let count = try database.execute(
            """
            INSERT INTO preference (account, document, revision) SELECT id, ?2, ?3 FROM account WHERE id = ?1
            ON CONFLICT (account) DO UPDATE SET document = excluded.document, revision = excluded.revision
            """, change.account, change.document, current + 1)
        return count == 0 ? .noSuchAccount : .kept(revision: current + 1)
    }
}
