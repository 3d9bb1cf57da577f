internal import Database
internal import Primitives
internal import Records
internal import SessionRules

extension Store {
    /// Performs requests as one: nothing is answered before all of it is on the disk.
    /// - Throws: when one of them fails; then nothing of any of them is kept.
    mutating func answersAtOnce(to requests: [RecordRequest], now: WallClock) throws(RecordError) -> [RecordAnswer] {
        let hasBegun = try reported { store throws(DatabaseError) in try store.database.begin() }
        precondition(hasBegun, "records: a transaction was left open")
        do throws(RecordError) {
            var answers: [RecordAnswer] = []
            for request in requests { if let answer = try answer(to: request, now: now) { answers.append(answer) } }
            try reported { store throws(DatabaseError) in try store.database.commit() }
            return answers
        } catch {
            database.rollBack()
            throw error
        }
    }

    /// Performs one request.
    /// - Returns: nil where nobody waits for an answer.
    /// - Throws: `unavailable`; what is refused for another reason is an answer.
    mutating func answer(to request: RecordRequest, now: WallClock) throws(RecordError) -> RecordAnswer? {
        do throws(RecordError) {
            switch request {
            case .keep(let decided): return try reported { store throws(DatabaseError) in try store.keep(decided) }
            case .readCredentials(let name, let ticket):
                return .credentials(try reported { store throws(DatabaseError) in try store.credentials(name) }, ticket)
            case .logIn(let checked, let ticket):
                return .loggedIn(
                    try reported { store throws(DatabaseError) in try store.logIn(checked, now: now) }, ticket)
            case .refresh(let hash, let next, let ticket):
                return .refreshed(
                    try reported { store throws(DatabaseError) in
                        try store.refresh(hash: hash, nextHash: next, now: now)
                    }, ticket)
            case .logOut(let account, let family, let ticket):
                return .loggedOut(
                    try reported { store throws(DatabaseError) in
                        try store.logOut(account, family: family, now: now)
                        return try store.directory(now: now)
                    }, ticket)
            case .changeAccount(let change, let actor, let ticket):
                let changed = try perform(change, by: actor, now: now)
                let directory = try reported { store throws(DatabaseError) in try store.directory(now: now) }
                return .accountChanged(changed, directory, ticket)
            }
        } catch {
            switch error {
            case .accountExists, .noSuchAccount: return .failed(request, error)
            case .unavailable: throw error
            }
        }
    }

    mutating func perform(
        _ change: AccountChange, by actor: String, now: WallClock
    ) throws(RecordError) -> AccountOutcome {
        switch change {
        case .add(let account, let password):
            try add(account, password: password, actor: actor)
            return .added(account)
        case .change(let id, let displayName, let password, let isDisabled):
            if let displayName { try setDisplayName(id, displayName, actor: actor, now: now) }
            if let password { try setPassword(id, password, actor: actor, now: now) }
            if let isDisabled { try setDisabled(id, isDisabled, actor: actor, now: now) }
            guard let account = try reported({ store throws(DatabaseError) in try store.account(id) }) else {
                throw .noSuchAccount(id)
            }
            return .changed(account)
        case .remove(let id):
            try remove(id, actor: actor, now: now)
            return .removed
        }
    }

    /// Writes down what the rules decided.
    private mutating func keep(_ decided: Hub.StoreRequest) throws(DatabaseError) -> RecordAnswer? {
        switch decided {
        case .crew(let record, let reply): return .crewStored(record, isNew: try log(record), reply)
        case .sessionBegan(let session):
            try sessionBegan(session)
            return .sessionStored(id: session.id)
        case .sessionNegotiated(let id, let at): try sessionNegotiated(id, at: at)
        case .sessionMoved(let id, let client): try sessionMoved(id, toClient: client)
        case .sessionReported(let report, let at): try sessionReported(report, at: at)
        case .sessionEnded(let id, let reason, let principal, let at):
            try sessionEnded(id, reason, by: principal, at: at)
        case .audit(let entry): try append(entry)
        case .kioskRegistered(let id, let version, let hostname):
            try registered(id, version: version, hostname: hostname)
        case .lastSeen(let kiosks): try seen(kiosks)
        }
        return nil
    }

    /// The password may have been changed or the account disabled since it was read, which revoked all tokens there were.
    mutating func logIn(_ checked: CheckedLogIn, now: WallClock) throws(DatabaseError) -> LogInVerdict {
        try recordTransaction { store throws(DatabaseError) in
            let current = try store.credentials(checked.name)
            let isStillRight = checked.isRight && current?.password == checked.checkedAgainst?.password
            guard let account = current?.account, isStillRight, !account.isDisabled else {
                // Guesses cost the records nothing: `RefusedLogins` says what is written of them.
                let organization = current?.account.organization ?? checked.checkedAgainst?.account.organization ?? ""
                return isStillRight && current != nil
                    ? .disabled(organization: organization) : .refused(organization: organization)
            }
            try store.beginFamily(
                checked.family, account: account, refreshHash: checked.refreshHash,
                address: checked.address.description, now: now)
            try store.rememberHome(checked.address, of: account.id)
            return .succeeded(account)
        }
    }

    /// What a list's next piece is made of.
    mutating func rows(_ query: ListReader.Query) throws(DatabaseError) -> ListReader.Rows {
        let organization = query.organization
        switch query.source {
        case .sessions(let kioskId, let isOpen):
            return .sessions(
                try sessions(
                    organization: organization, kioskId: kioskId, isOpen: isOpen, before: query.cursor,
                    limit: query.size))
        case .crewEvents(let filter), .crewEventsAsCSV(let filter):
            let end = try query.endsAt.flatMap { count throws(DatabaseError) in
                try crewEventSequence(organization: organization, filter, before: query.cursor, at: count)
            }
            return .crewEvents(
                try crewEvents(organization: organization, filter, before: query.cursor, limit: query.size), end: end)
        case .audit: return .audit(try audit(organization: organization, before: query.cursor, limit: query.size))
        case .accounts:
            return .accounts(try accounts(of: organization, after: query.lastAccount, limit: query.size))
        }
    }

    /// Runs a body that fails with the database's error as one that fails with the records'.
    mutating func reported<Result>(
        _ body: (inout Store) throws(DatabaseError) -> Result
    ) throws(RecordError) -> Result {
        do throws(DatabaseError) { return try body(&self) } catch { throw RecordError(error) }
    }
}
