import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

/// Node A, with B as the only other one, and the clients that are connected to A.
private struct OwnedTranscript {
    static let a = NodeID(rawValue: "A")
    static let b = NodeID(rawValue: "B")

    var owned: OwnedSessions
    var clients = Clients(messagesPerSecond: 50, recoveryWindow: nil)
    var presence = Presence()
    var directory = Directory()
    var now = start

    init(others: [NodeID] = [b]) {
        owned = OwnedSessions(.init(), random: .seeded(1), node: Self.a, others: others)
        directory.update(HubTranscript.snapshot())
    }

    mutating func register(_ id: String, _ number: UInt64) -> [String] {
        let account = directory[id]!
        let claims = TokenClaims(
            subject: id, role: account.role, organization: account.organization, issuedAt: now.wall,
            expiresAt: now.wall,
            tokenId: "t", family: "f", generation: 7)
        _ = clients.admitted(socket(number), account, claims, from: nil, recovers: nil, now: now.instant)
        clients.registered(socket(number))
        guard account.role == .kiosk else { return [] }
        let earlier = presence.kioskRegistered(id, organization: "west", socket: socket(number), now: now)
        return owned.kioskRegistered(id, carried: nil, replacing: earlier, clients, presence, now: now.instant).map(
            Self.line)
    }

    mutating func watch(_ kioskId: String, by monitor: Party) throws -> [String] {
        let kiosk = MonitoringSessions.Kiosk(
            id: kioskId, organization: "west", address: presence.socket(ofOnlineKiosk: kioskId).map { .here($0) })
        return lines(try owned.startRequested(by: monitor, kiosk: kiosk, now: now))
    }

    mutating func release(_ kioskId: String, _ number: UInt64, session: HandedOverSession? = nil) -> [String] {
        let release = KioskRelease(kioskId: kioskId, number: number, session: session, ended: [])
        return
            (owned.kioskReleased(release, by: Self.b, clients, presence, now: now.instant)
            + owned.settle(kioskId, clients, presence, now: now.instant)).map(Self.line)
    }

    mutating func claim(_ kioskId: String, _ number: UInt64, isRecorded: Bool = true) -> [String] {
        owned.kioskClaimed(
            KioskClaim(kioskId: kioskId, number: number, carried: nil), by: Self.b, isRecorded: isRecorded, presence,
            now: now.instant
        ).map(Self.line)
    }

    mutating func wait(_ duration: Duration) -> [String] {
        now = Moment(instant: now.instant + duration, wall: now.wall + duration)
        return owned.handleNodeTimeouts(clients, presence, now: now.instant).map(Self.line)
    }

    static func line(_ action: OwnedSessions.Action) -> String {
        switch action {
        case .session(let action): SessionRulesTests.line(action)
        case .send(.kioskClaimed(let claim), let node): "\(node) ← claimed \(claim.kioskId) \(claim.number)"
        case .send(.kioskReleased(let release), let node):
            "\(node) ← released \(release.kioskId) \(release.number) with \(release.session == nil ? "nothing" : "its session")"
        case .send(.sessionTaken, let node): "\(node) ← taken"
        case .send(.monitorSought(let id), let node): "\(node) ← sought \(id)"
        case .send(.kioskChanged(let state, _), let node): "\(node) ← changed \(state.kioskId)"
        case .send(.monitorRegistered(let monitor, _), let node): "\(node) ← monitor \(monitor.id)"
        case .send(_, let node): "\(node) ← message"
        case .deliver(let event, let address): "\(text(address)) ← at once \(event.name)"
        case .refuse(_, let refusal): "refuse \(refusal.error.code.rawValue)"
        case .letGo(let socket, let kiosk): "let go \(socket.rawValue) of \(kiosk)"
        case .recordLoss(let id): "lost \(id)"
        case .announceHere(let kiosk, let change): "announce here \(kiosk) \(change)"
        case .announce(let kiosk, let change): "announce \(kiosk) \(change)"
        }
    }
}

@Suite struct OwnedSessionsTests {
    @Test func aSingleNodeTellsNobodyAndWaitsForNobody() throws {
        var t = OwnedTranscript(others: [])
        #expect(t.register("K1", 5).isEmpty)
        #expect(t.owned.holds("K1") && !t.owned.isDisputed("K1") && t.owned.joined.isEmpty)
        #expect(try t.owned.server(of: "K1", forwards: 0) == nil)
        #expect(try t.owned.server(of: "K2", forwards: 0) == nil)
        let began = try t.watch("K1", by: m1)
        #expect(began.count == 3)
        #expect(t.owned.nextTimeout == after(.seconds(60)).instant, "for offer and answer, and for nothing else")
    }

    @Test func aKioskIsDisputedUntilTheOtherNodeLetsGo() {
        var t = OwnedTranscript()
        let told = t.owned.nodeJoined(OwnedTranscript.b, t.clients, t.presence)
        #expect(told.isEmpty)
        #expect(t.register("K1", 5) == ["B ← claimed K1 1"])
        #expect(t.owned.isDisputed("K1"))
        #expect(t.release("K1", 7).isEmpty)
        #expect(t.owned.isDisputed("K1"), "that was another claim")
        #expect(t.release("K1", 1).isEmpty)
        #expect(!t.owned.isDisputed("K1"))
    }

    @Test func aNodeThatDoesNotAnswerIsWaitedFor() throws {
        var t = OwnedTranscript()
        #expect(t.register("K1", 5).isEmpty, "there is nobody to tell")
        #expect(t.owned.nextTimeout == after(.seconds(110)).instant)
        _ = t.wait(.seconds(109))
        #expect(t.owned.isDisputed("K1"))
        _ = t.wait(.seconds(1))
        #expect(!t.owned.isDisputed("K1"))
    }

    @Test func aSessionFollowsItsKiosk() throws {
        var t = OwnedTranscript(others: [])
        _ = t.register("M1", 1) + t.register("K1", 5)
        _ = try t.watch("K1", by: m1)
        let session = try #require(t.owned.sessions.session(ofKiosk: "K1"))
        // Its socket was lost before: without a word the session goes on.
        _ = t.presence.kioskSocketLost("K1", socket: socket(5), now: t.now)
        var unrecorded = t
        #expect(t.claim("K1", 2) == ["B ← released K1 2 with its session"])
        #expect(t.owned.sessions.count == 0 && !t.owned.holds("K1"))
        #expect(
            unrecorded.claim("K1", 2, isRecorded: false) == [
                "1 ← stopped \(session.id) kiosk-replaced", "ended \(session.id) kiosk-replaced",
                "B ← released K1 2 with nothing",
            ], "nobody may hear of it at another node before it is recorded here")
        // It comes back, and B has the session.
        _ = t.owned.nodeJoined(OwnedTranscript.b, t.clients, t.presence)
        #expect(t.register("K1", 6) == ["B ← claimed K1 3"])
        let handed = HandedOverSession(
            id: session.id, kioskId: "K1", monitorId: "M1", organization: "west", startedAt: start.wall,
            age: .seconds(1),
            clientId: nil, monitorAddress: nil, waitingForMonitor: [], waitingForKiosk: [], hasOffer: true,
            hasAnswer: true,
            mediaGrace: nil)
        #expect(t.release("K1", 3, session: handed) == ["B ← taken", "B ← sought M1", "announce K1 status"])
        #expect(t.owned.sessions[session.id]?.monitor.address == address(1), "its monitor is here")
        #expect(t.owned.sessions[session.id]?.kiosk.address == address(6))
    }

    @Test func aKioskThatIsStillHereIsLetGo() {
        var t = OwnedTranscript(others: [])
        _ = t.register("K1", 5)
        #expect(t.claim("K1", 2) == ["let go 5 of K1", "B ← released K1 2 with nothing"])
        #expect(t.claim("K1", 1).isEmpty, "an earlier claim")
    }

    @Test func whoServesAMonitorIsTheKiosksNode() throws {
        var t = OwnedTranscript()
        _ = t.owned.nodeJoined(OwnedTranscript.b, t.clients, t.presence)
        _ = t.claim("K1", 1)
        #expect(try t.owned.server(of: "K1", forwards: 0) == OwnedTranscript.b)
        #expect(throws: Refusal.nodeUnavailable) { try t.owned.server(of: "K1", forwards: 2) }
        _ = t.owned.nodeLeft(OwnedTranscript.b, undelivered: [], now: t.now)
        #expect(throws: Refusal.nodeUnavailable) { try t.owned.server(of: "K1", forwards: 0) }
    }

    @Test func aSessionOfAnotherNodeEndsThere() {
        var t = OwnedTranscript()
        _ = t.owned.nodeJoined(OwnedTranscript.b, t.clients, t.presence)
        _ = t.claim("K1", 1)
        let state = KioskState(
            kioskId: "K1", number: 1, online: true, lastSeen: nil, status: nil, sessionId: "S1", monitoredBy: "M1")
        let told = t.owned.kioskChanged(state, .status, by: OwnedTranscript.b, t.clients)
        #expect(told.map(OwnedTranscript.line) == ["announce here K1 status"])
        #expect(t.owned.entry(of: account("K1"), t.presence).monitoredBy == "M1")
        #expect(t.owned.going(["S1", "S2"], ofMonitor: "M1") == ["S1"])
        for (account, end) in [
            (account("M1", .monitor), OwnedSessions.End.elsewhere(OwnedTranscript.b)),
            (account("A1", .admin), .elsewhere(OwnedTranscript.b)), (account("M2", .monitor), .refused),
            (account("A9", .admin, "east"), .refused),
        ] {
            let answer = t.owned.endRequested(by: account, sessionId: "S1", t.directory)
            #expect(answer == end)
        }
        let unknown = t.owned.endRequested(by: account("A1", .admin), sessionId: "S2", t.directory)
        #expect(unknown == .refused)
    }

    /// The records are all nodes': a node that was restarted takes back what it had, and leaves the others their sessions.
    @Test func aRestartedNodeTakesItsOwnSessions() {
        var t = OwnedTranscript()
        let open = [("S1", "K1", "A"), ("S2", "K2", "B"), ("S3", "gone", "B"), ("S4", "gone", "A")].map {
            id, kiosk, node in
            SessionRecord(
                sequence: 1, id: id, organization: "west", kioskId: kiosk, monitorId: "M1", startedAt: start.wall,
                node: NodeID(rawValue: node))
        }
        let over = t.owned.restored(open, ended: [], t.directory, now: t.now)
        #expect(over == ["S4"])
        #expect(t.owned.sessions.all.map(\.id) == ["S1"])
        var single = OwnedTranscript(others: [])
        let unnamed = open.map { record in
            var record = record
            record.node = nil
            return record
        }
        let overToo = single.owned.restored(unnamed, ended: [], single.directory, now: single.now)
        #expect(overToo == ["S3", "S4"])
        #expect(
            single.owned.sessions.all.map(\.id).sorted() == ["S1", "S2"],
            "a record without a node is whoever's reads it")
    }
}
