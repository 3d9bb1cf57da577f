internal import Database
internal import Primitives
internal import Records

/// The table `clock`: when the wall clock was last believed.
enum ClockTable {
    /// Nil in new records.
    static func believed(in database: inout Database) throws(DatabaseError) -> WallClock? {
        try database.first("SELECT believed_at FROM clock WHERE id = 1") { row throws(DatabaseError) in
            WallClock(milliseconds: try row.integer("believed_at"))
        }
    }

    static func believe(_ now: WallClock, in database: inout Database) throws(DatabaseError) {
        try database.execute(
            "INSERT INTO clock VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET believed_at = excluded.believed_at",
            now.milliseconds)
    }
}
