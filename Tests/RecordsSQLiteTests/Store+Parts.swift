import Database
import Identity
import Primitives
import Records
import SessionRules
import Signaling

@testable import RecordsSQLite

/// What the tests ask the parts of a store, each in a transaction of its own.
extension Store {
    // MARK: Accounts

    mutating func accounts() throws(DatabaseError) -> [Account] {
        try read { database throws(DatabaseError) in try AccountsTable.all(in: &database) }
    }

    mutating func account(_ id: String) throws(DatabaseError) -> Account? {
        try read { database throws(DatabaseError) in try AccountsTable.find(id, in: &database) }
    }

    mutating func credentials(_ id: String) throws(DatabaseError) -> StoredCredentials? {
        try read { database throws(DatabaseError) in try AccountsTable.credentials(id, in: &database) }
    }

    private mutating func perform(_ change: AccountChange, _ actor: String, _ now: WallClock) throws {
        let result = try write { database throws(DatabaseError) in
            try AccountChanges.perform(change, by: actor, now: now, in: &database)
        }
        _ = try result.get()
    }

    mutating func add(_ account: Account, password: PasswordHash, actor: String) throws {
        try perform(.add(account, password: password), actor, account.createdAt)
    }

    mutating func setPassword(_ id: String, _ password: PasswordHash, actor: String, now: WallClock) throws {
        try perform(.change(id: id, displayName: nil, password: password, isDisabled: nil), actor, now)
    }

    mutating func setDisabled(_ id: String, _ isDisabled: Bool, actor: String, now: WallClock) throws {
        try perform(.change(id: id, displayName: nil, password: nil, isDisabled: isDisabled), actor, now)
    }

    mutating func remove(_ id: String, actor: String, now: WallClock) throws {
        try perform(.remove(id: id), actor, now)
    }

    mutating func seen(_ kiosks: [(id: String, at: WallClock)]) throws { try keep(.lastSeen(kiosks)) }

    mutating func registered(_ id: String, version: String?, hostname: String?) throws {
        try keep(.kioskRegistered(id: id, version: version, hostname: hostname))
    }

    mutating func homes() throws(DatabaseError) -> [String: [IPAddress]] {
        try read { database throws(DatabaseError) in try HomesTable.all(in: &database) }
    }

    mutating func rememberHome(_ address: IPAddress, of account: String) throws(DatabaseError) {
        try write { database throws(DatabaseError) in try HomesTable.remember(address, of: account, in: &database) }
    }

    // MARK: Keys and tokens

    mutating func rotateKeys(actor: String, now: WallClock) throws(DatabaseError) {
        try write { database throws(DatabaseError) in try KeysTable.rotate(now: now, in: &database) }
    }

    mutating func directory(now: WallClock) throws(DatabaseError) -> DirectoryRecord {
        try read { database throws(DatabaseError) in try Store.directory(now: now, in: &database) }
    }

    mutating func beginFamily(
        _ family: String, account: Account, refreshHash: [UInt8], address: String, now: WallClock
    ) throws(DatabaseError) {
        try write { database throws(DatabaseError) in
            try TokensTable.begin(family, account: account.id, refreshHash: refreshHash, now: now, in: &database)
        }
    }

    mutating func refresh(
        hash: [UInt8], nextHash: [UInt8], now: WallClock
    ) throws(DatabaseError) -> RefreshOutcome {
        try write { database throws(DatabaseError) in
            try LogIns.refresh(hash: hash, nextHash: nextHash, now: now, in: &database)
        }
    }

    mutating func logIn(_ checked: CheckedLogIn, now: WallClock) throws(DatabaseError) -> LogInVerdict {
        try write { database throws(DatabaseError) in try LogIns.logIn(checked, now: now, in: &database) }
    }

    // MARK: What the rules decided

    @discardableResult
    mutating func keep(_ decided: Hub.StoreRequest) throws -> RecordAnswer? {
        try answer(to: .keep(decided), now: start.wall)
    }

    mutating func log(_ record: CrewRecord) throws(DatabaseError) -> Bool {
        try write { database throws(DatabaseError) in try CrewTable.insert(record, in: &database) }
    }

    mutating func append(_ entry: AuditEntry) throws { try keep(.audit(entry)) }

    mutating func sessionBegan(_ session: MonitoringSession) throws { try keep(.sessionBegan(session)) }

    mutating func sessionMoved(_ id: String, toClient client: String?) throws {
        try keep(.sessionMoved(id: id, clientId: client))
    }

    mutating func sessionNegotiated(_ id: String, at now: WallClock) throws {
        try keep(.sessionNegotiated(id: id, at: now))
    }

    mutating func sessionReported(_ report: SessionReport, at now: WallClock) throws {
        try keep(.sessionReported(report, at: now))
    }

    mutating func sessionEnded(
        _ id: String, _ reason: SessionEndReason, by actor: SessionEnder?, at now: WallClock
    ) throws {
        try keep(.sessionEnded(id: id, reason, principal: actor, at: now))
    }

    // MARK: Lists

    mutating func session(_ id: String) throws(DatabaseError) -> SessionRecord? {
        try read { database throws(DatabaseError) in try SessionsTable.find(id, in: &database) }
    }

    mutating func openSessions() throws(DatabaseError) -> [SessionRecord] {
        try read { database throws(DatabaseError) in try SessionsTable.open(in: &database) }
    }

    mutating func sessions(
        organization: String, kioskId: String?, isOpen: Bool?, before cursor: Int64?, limit: Int
    ) throws(DatabaseError) -> [SessionRecord] {
        try read { database throws(DatabaseError) in
            try SessionsTable.page(
                organization: organization, kioskId: kioskId, isOpen: isOpen, before: cursor, limit: limit,
                in: &database)
        }
    }

    mutating func crewEvents(
        organization: String, _ filter: CrewFilter, before cursor: Int64?, limit: Int
    ) throws(DatabaseError) -> [CrewRecord] {
        try read { database throws(DatabaseError) in
            try CrewTable.page(
                organization: organization, filter, before: cursor, limit: limit, in: &database)
        }
    }

    mutating func audit(
        organization: String, _ filter: AuditFilter = AuditFilter(), before cursor: Int64? = nil, limit: Int = 100
    ) throws(DatabaseError) -> [AuditRow] {
        try read { database throws(DatabaseError) in
            try AuditTable.page(organization: organization, filter, before: cursor, limit: limit, in: &database)
        }
    }

    mutating func verifyAudit() throws(DatabaseError) -> AuditVerdict {
        try read { database throws(DatabaseError) in try AuditTable.verify(in: &database) }
    }

    // MARK: Age

    @discardableResult
    mutating func pruneTokens(now: WallClock) throws(DatabaseError) -> Int { try pruneTokens(now: now, limit: .max) }

    mutating func pruneSessions(before age: WallClock) throws(DatabaseError) -> Int {
        try pruneSessions(before: age, limit: .max)
    }

    mutating func pruneCrewEvents(before age: WallClock) throws(DatabaseError) -> Int {
        try pruneCrewEvents(before: age, limit: .max)
    }

    mutating func pruneAudit(before age: WallClock, now: WallClock) throws(DatabaseError) -> Int {
        guard let end = try announceAuditPruning(before: age, now: now) else { return 0 }
        return try pruneAudit(through: end, limit: .max)
    }
}
