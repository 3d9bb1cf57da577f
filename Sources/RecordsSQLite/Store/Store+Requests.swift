internal import Database
internal import Primitives
internal import Records
internal import SessionRules

extension Store {
    /// Performs requests as one: nothing is answered before all of it is on the disk.
    /// - Throws: when one of them fails; then nothing of any of them is kept.
    mutating func answersAtOnce(to requests: [RecordRequest], now: WallClock) throws(RecordError) -> [RecordAnswer] {
        try reported { store throws(DatabaseError) in
            try store.write { database throws(DatabaseError) in
                var answers: [RecordAnswer] = []
                for request in requests {
                    if let answer = try Store.answer(to: request, now: now, in: &database) { answers.append(answer) }
                }
                return answers
            }
        }
    }

    /// Performs one request in a transaction of its own.
    /// - Returns: nil where nobody waits for an answer.
    /// - Throws: `unavailable`; what is refused for another reason is an answer.
    mutating func answer(to request: RecordRequest, now: WallClock) throws(RecordError) -> RecordAnswer? {
        try reported { store throws(DatabaseError) in
            func answer(in database: inout Database) throws(DatabaseError) -> RecordAnswer? {
                try Store.answer(to: request, now: now, in: &database)
            }
            // What only reads does not wait for those who write.
            if case .readCredentials = request { return try store.read(answer) }
            return try store.write(answer)
        }
    }

    private static func answer(
        to request: RecordRequest, now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> RecordAnswer? {
        switch request {
        case .keep(let decided): return try keep(decided, in: &database)
        case .readCredentials(let name, let ticket):
            return .credentials(try AccountsTable.credentials(name, in: &database), ticket)
        case .logIn(let checked, let ticket):
            return .loggedIn(try LogIns.logIn(checked, now: now, in: &database), ticket)
        case .refresh(let hash, let next, let ticket):
            return .refreshed(try LogIns.refresh(hash: hash, nextHash: next, now: now, in: &database), ticket)
        case .logOut(let account, let family, let ticket):
            try LogIns.logOut(account, family: family, now: now, in: &database)
            return .loggedOut(try directory(now: now, in: &database), ticket)
        case .changeAccount(let change, let actor, let ticket):
            switch try AccountChanges.perform(change, by: actor, now: now, in: &database) {
            case .success(let outcome):
                return .accountChanged(outcome, try directory(now: now, in: &database), ticket)
            case .failure(let refusal): return .failed(request, refusal)
            }
        case .keepPreferences(let change, let ticket):
            return .preferencesKept(try PreferencesTable.keep(change, in: &database), ticket)
        }
    }

    /// Writes down what the rules decided, each step of a session with its line in the audit.
    private static func keep(
        _ decided: Hub.StoreRequest, in database: inout Database
    ) throws(DatabaseError) -> RecordAnswer? {
        switch decided {
        case .crew(let record, let reply):
            return .crewStored(record, isNew: try CrewTable.insert(record, in: &database), reply)
        case .sessionBegan(let session):
            switch try SessionsTable.begin(session, in: &database) {
            case .stored:
                try AuditTable.append(.monitoringStarted(session), in: &database)
                return .sessionStored(id: session.id)
            case .refused(let open): return .sessionRefused(id: session.id, open: open)
            }
        case .sessionNegotiated(let id, let at): try SessionsTable.negotiated(id, at: at, in: &database)
        case .sessionMoved(let id, let client): try SessionsTable.moved(id, toClient: client, in: &database)
        case .sessionReported(let report, let at):
            guard let session = try SessionsTable.reported(report, at: at, in: &database) else { break }
            try AuditTable.append(.media(report, of: session, at: at), in: &database)
        case .sessionEnded(let id, let reason, let principal, let at):
            guard let session = try SessionsTable.end(id, reason, at: at, in: &database) else { break }
            try AuditTable.append(.monitoringStopped(session, reason, by: principal, at: at), in: &database)
        case .audit(let entry): try AuditTable.append(entry, in: &database)
        case .kioskRegistered(let id, let version, let hostname):
            try AccountsTable.registered(id, version: version, hostname: hostname, in: &database)
        case .lastSeen(let kiosks): try AccountsTable.seen(kiosks, in: &database)
        }
        return nil
    }

    /// What the serving thread needs to know of accounts, keys and revoked tokens.
    static func directory(now: WallClock, in database: inout Database) throws(DatabaseError) -> DirectoryRecord {
        DirectoryRecord(
            accounts: try AccountsTable.all(in: &database), keys: try KeysTable.inUse(now: now, in: &database),
            revokedFamilies: try TokensTable.revoked(now: now, in: &database))
    }

    /// Performs what is read aside.
    mutating func answer(to request: ListRequest) throws(DatabaseError) -> RecordAnswer {
        switch request {
        case .session(let id, let organization, let ticket):
            let session = try read { database throws(DatabaseError) in try SessionsTable.find(id, in: &database) }
            return .session(session?.organization == organization ? session : nil, ticket)
        case .preferences(let account, let ticket):
            return .preferences(
                try read { database throws(DatabaseError) in
                    try PreferencesTable.find(account, in: &database)
                }, ticket)
        case .piece(var reader, let ticket):
            let piece = reader.piece(of: try rows(reader.query))
            return .piece(reader, piece, ticket)
        }
    }

    /// What a list's next piece is made of.
    mutating func rows(_ query: ListReader.Query) throws(DatabaseError) -> ListReader.Rows {
        try read { database throws(DatabaseError) in try Store.rows(query, in: &database) }
    }

    private static func rows(
        _ query: ListReader.Query, in database: inout Database
    ) throws(DatabaseError) -> ListReader.Rows {
        let (organization, cursor, size) = (query.organization, query.cursor, query.size)
        switch query.source {
        case .sessions(let kioskId, let isOpen):
            return .sessions(
                try SessionsTable.page(
                    organization: organization, kioskId: kioskId, isOpen: isOpen, before: cursor, limit: size,
                    in: &database))
        case .crewEvents(let filter), .crewEventsAsCSV(let filter):
            var end: Int64?
            if let count = query.endsAt {
                end = try CrewTable.sequence(
                    organization: organization, filter, before: cursor, at: count, in: &database)
            }
            return .crewEvents(
                try CrewTable.page(organization: organization, filter, before: cursor, limit: size, in: &database),
                end: end)
        case .audit(let filter), .auditAsCSV(let filter):
            var end: Int64?
            if let count = query.endsAt {
                end = try AuditTable.sequence(
                    organization: organization, filter, before: cursor, at: count, in: &database)
            }
            return .audit(
                try AuditTable.page(organization: organization, filter, before: cursor, limit: size, in: &database),
                end: end)
        case .accounts:
            return .accounts(
                try AccountsTable.page(of: organization, after: query.lastAccount, limit: size, in: &database))
        }
    }
}
