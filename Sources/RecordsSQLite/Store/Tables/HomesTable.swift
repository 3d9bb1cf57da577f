internal import Database
internal import Primitives
internal import SessionRules

/// The table `login_home`: the addresses from which accounts logged in before.
enum HomesTable {
    /// By account, the latest last.
    static func all(in database: inout Database) throws(DatabaseError) -> [String: [IPAddress]] {
        let rows = try database.query("SELECT account, address FROM login_home ORDER BY sequence") {
            row throws(DatabaseError) -> (account: String, address: IPAddress?) in
            (try row.text("account"), IPAddress(try row.text("address")))
        }
        var homes: [String: [IPAddress]] = [:]
        for row in rows { if let address = row.address { homes[row.account, default: []].append(address) } }
        return homes
    }

    /// The account has logged in from there; its oldest homes go.
    static func remember(
        _ address: IPAddress, of account: String, in database: inout Database
    ) throws(DatabaseError) {
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
}
