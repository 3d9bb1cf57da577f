internal import Database
internal import Records

extension Store {
    /// Everything `body` writes, or nothing of it.
    mutating func recordTransaction<Result>(
        _ body: (inout Store) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        guard try database.begin() else { return try body(&self) }
        do throws(DatabaseError) {
            let result = try body(&self)
            try database.commit()
            return result
        } catch {
            database.rollBack()
            throw error
        }
    }

    /// Runs what only reads on one state of the records, while others write.
    mutating func readTransaction<Result>(
        _ body: (inout Store) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        guard try database.begin(toWrite: false) else { return try body(&self) }
        // There is nothing to keep, whatever comes of it.
        defer { database.rollBack() }
        return try body(&self)
    }

    mutating func recordingTransaction<Result>(
        _ body: (inout Store) throws(DatabaseError) -> Result
    ) throws(RecordError) -> Result {
        do throws(DatabaseError) { return try recordTransaction(body) } catch { throw RecordError(error) }
    }
}
