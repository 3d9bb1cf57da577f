import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

/// The hub with named clients; every call returns what it did, a line each.
final class HubTranscript {
    var hub: Hub
    var now = start
    private var nextAcknowledgement = 0

    init(_ settings: Hub.Settings = Hub.Settings()) {
        hub = Hub(settings, random: .seeded(1))
        hub.directoryChanged(Self.snapshot(), now: start)
        hub.handleTimeout(now: start)
        _ = hub.takeActions()
    }

    static func snapshot(_ change: (inout [Account]) -> Void = { _ in }) -> Directory.Snapshot {
        var accounts = [
            account("K1"), account("K2"), account("M1", .monitor), account("M2", .monitor), account("A1", .admin),
            account("K9", .kiosk, "east"), account("M9", .monitor, "east"),
        ]
        change(&accounts)
        return Directory.Snapshot(accounts: accounts, revokedFamilies: [])
    }

    func connect(_ id: String, _ number: UInt64, recovers lost: UInt64? = nil) -> [String] {
        let account = hub.directory[id]!
        hub.connecting(
            socket(number),
            TokenClaims(
                subject: id, role: account.role, organization: account.organization, issuedAt: now.wall,
                expiresAt: after(.seconds(900)).wall, tokenId: "t", family: "family of \(id)",
                generation: account.generation),
            recovers: lost.map { socket($0) }, address: nil, now: now)
        return drain()
    }

    func send(
        _ number: UInt64, _ name: String, _ payload: JSONValue? = nil, acknowledged: Bool = true
    ) -> [String] {
        nextAcknowledgement += 1
        let id = acknowledged ? AcknowledgementID(rawValue: nextAcknowledgement) : nil
        hub.received(
            SocketIOEvent(name: name, arguments: payload.map { [$0] } ?? [], acknowledgement: id), from: socket(number),
            now: now)
        return drain()
    }

    func lose(_ number: UInt64, mayReturn: Bool = false) -> [String] {
        hub.disconnected(socket(number), mayReturn: mayReturn, now: now)
        return drain()
    }

    func wait(_ duration: Duration) -> [String] {
        now = Moment(instant: now.instant + duration, wall: now.wall + duration)
        hub.handleTimeout(now: now)
        return drain()
    }

    func end(by account: Account, sessionId: String, reason: String? = nil) -> Bool {
        hub.sessionEnded(by: account, sessionId: sessionId, reason: reason, now: now)
    }

    /// The records take every session as fast as it begins, unless a test is about that.
    var recordsAreFast = true

    func drain() -> [String] {
        let actions = hub.takeActions()
        guard !actions.isEmpty else { return [] }
        for case .store(.sessionBegan(let session)) in actions where recordsAreFast { hub.sessionStored(session.id) }
        return actions.compactMap(Self.line) + drain()
    }

    /// Everyone where the story begins: K1 on 5, M1 on 1, M2 on 2.
    func everybodyComes() {
        _ = connect("K1", 5) + send(5, "register-kiosk")
        _ = connect("M1", 1) + send(1, "register-monitor")
        _ = connect("M2", 2) + send(2, "register-monitor")
    }

    static func line(_ action: Hub.Action) -> String? {
        switch action {
        case .accept(let socket, let recovering): "\(socket.rawValue) \(recovering ? "recovered" : "accepted")"
        case .refuse(let socket, let error): "\(socket.rawValue) refused \(error.code.rawValue)"
        case .emit(.error(let error, let event), let socket):
            "\(socket.rawValue) ← error \(error.code.rawValue) \(event)"
        case .emit(.monitoringStopped(_, _, let reason), let socket): "\(socket.rawValue) ← stopped \(reason.rawValue)"
        case .emit(let event, let socket): "\(socket.rawValue) ← \(event.name)"
        case .emitWithICEServers(let event, _, let socket):
            "\(socket.rawValue) ← \(event.event(iceServers: []).name)"
        case .send(_, let node): "\(node) ← message"
        case .broadcast(let event, let sockets):
            "\(sockets.map { "\($0.rawValue)" }.joined(separator: ",")) ← \(event.name)"
        case .acknowledge(let socket, _, .ok): "\(socket.rawValue) ok"
        case .acknowledge(let socket, _, .refused(let error, _)): "\(socket.rawValue) \(error.code.rawValue)"
        case .disconnect(let socket): "\(socket.rawValue) disconnected"
        case .store(.lastSeen), .store(.kioskRegistered), .note: nil
        case .store(.crew(let record, _)): "store \(record.event.eventId)"
        case .store(.sessionBegan): "store began"
        case .store(.sessionNegotiated): "store negotiated"
        case .store(.sessionMoved(_, let client)): "store moved to \(client ?? "-")"
        case .store(.sessionReported(let report, _)): "store \(report.state.rawValue)"
        case .store(.sessionEnded(_, let reason, let actor, _)):
            "store ended \(reason.rawValue) \(actor?.id ?? "-")\(actor?.reason.map { ": \($0)" } ?? "")"
        case .store(.audit(let entry)): "audit \(entry.kind.rawValue) \(entry.subject)"
        }
    }
}

@Suite struct HubTests {
    let t = HubTranscript()

    @Test func whatOneAccountHasWrittenDownIsCounted() {
        t.everybodyComes()
        var answers: [String] = []
        for _ in 0..<200 {
            t.now = Moment(instant: t.now.instant + .milliseconds(50), wall: t.now.wall)
            answers += t.send(1, "start-monitoring", ["kioskId": "nobody"])
        }
        #expect(answers.count { $0.hasPrefix("audit monitoring-refused") } <= 125)
        #expect(answers.last == "1 throttled")
        // Of others it is none of the concern.
        #expect(t.send(2, "start-monitoring", ["kioskId": "nobody"]).contains("2 unknown-kiosk"))
    }

    @Test func whatAKioskReportsIsCounted() throws {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let session = try #require(t.hub.sessions.session(ofKiosk: "K1")?.id)
        var answers: [String] = []
        for _ in 0..<200 {
            t.now = Moment(instant: t.now.instant + .milliseconds(50), wall: t.now.wall)
            answers += t.send(5, "session-report", ["sessionId": .string(session), "state": "media-started"])
        }
        let written = answers.count { $0 == "store media-started" }
        #expect(written > 20 && written <= 125, "\(written)")
        #expect(answers.last == "5 throttled")
        // Neither its session nor its other words suffer from it, and later it is heard again.
        #expect(t.send(5, "heartbeat-ping", [:]).contains("5 ok"))
        t.now = Moment(instant: t.now.instant + .seconds(10), wall: t.now.wall)
        #expect(
            t.send(5, "session-report", ["sessionId": .string(session), "state": "media-stopped"]).contains(
                "store media-stopped"))
    }

    @Test func whatAKioskSaysOfItselfIsKept() {
        _ = t.connect("K1", 5)
        t.hub.received(
            SocketIOEvent(name: "register-kiosk", arguments: [["version": "1.2.3", "hostname": "kiosk-7"]]),
            from: socket(5), now: start)
        let stored = t.hub.takeActions().compactMap { action -> String? in
            switch action {
            case .store(.kioskRegistered(let id, let version, let hostname)):
                "\(id) \(version ?? "-") \(hostname ?? "-")"
            case .note(.kioskCame(let id, _, let version)): "\(id) came \(version ?? "-")"
            case .note(.kioskWent(let id)): "\(id) went"
            default: nil
            }
        }
        #expect(stored == ["K1 1.2.3 kiosk-7", "K1 came 1.2.3"])
        #expect(t.hub.directory["K1"]?.hostname == "kiosk-7")
        t.hub.disconnected(socket(5), now: start)
        #expect(t.hub.takeActions().contains { if case .note(.kioskWent("K1")) = $0 { true } else { false } })
    }

    @Test func aKioskComesOnlineAndItsMonitorsHearIt() {
        #expect(t.connect("M1", 1) == ["1 accepted"])
        #expect(t.send(1, "register-monitor") == ["1 ok", "1 ← kiosk-list"])
        #expect(t.connect("M9", 9) + t.send(9, "register-monitor") == ["9 accepted", "9 ok", "9 ← kiosk-list"])
        #expect(t.connect("K1", 5) == ["5 accepted"])
        #expect(t.send(5, "register-kiosk") == ["5 ok", "5 ← kiosk-registered", "1 ← kiosk-online"])
        #expect(t.lose(5) == ["1 ← kiosk-offline"])
    }

    @Test func theListIsThatOfTheOrganization() {
        _ = t.connect("M1", 1)
        t.hub.received(SocketIOEvent(name: "register-monitor", arguments: []), from: socket(1), now: start)
        guard case .emit(.kioskList(let west), _)? = t.hub.takeActions().last else {
            Issue.record("no list")
            return
        }
        #expect(west.map(\.kioskId) == ["K1", "K2"])
        #expect(west.allSatisfy { !$0.online && $0.lastSeen == nil && $0.monitoredBy == nil })
        #expect(west[0].displayName == "The K1")
    }

    @Test func aWholeSession() {
        t.everybodyComes()
        #expect(
            t.send(1, "start-monitoring", ["kioskId": "K1"])
                == ["store began", "1,2 ← kiosk-status", "1 ok", "5 ← monitoring-started", "1 ← monitoring-started"])
        #expect(
            t.send(1, "offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]]) == ["1 ok", "5 ← offer"])
        #expect(
            t.send(5, "answer", ["targetId": "M1", "answer": ["type": "answer", "sdp": "v=0"]])
                == ["5 ok", "1 ← answer", "store negotiated"])
        #expect(t.send(5, "ice-candidate", ["targetId": "M1", "candidate": nil]) == ["5 ok", "1 ← ice-candidate"])
        #expect(t.send(2, "start-monitoring", ["kioskId": "K1"]) == ["audit monitoring-refused K1", "2 kiosk-busy"])
        #expect(
            t.send(1, "stop-monitoring", ["kioskId": "K1"])
                == [
                    "1 ok", "5 ← stopped stopped-by-monitor", "1 ← stopped stopped-by-monitor",
                    "store ended stopped-by-monitor -", "1,2 ← kiosk-status",
                ])
    }

    @Test func organizationsSeeNothingOfEachOther() {
        t.everybodyComes()
        _ = t.connect("M9", 9) + t.send(9, "register-monitor")
        // A kiosk of another's and one that nobody has are refused alike, and the audit names neither.
        #expect(t.send(9, "start-monitoring", ["kioskId": "K1"]) == ["audit monitoring-refused ", "9 unknown-kiosk"])
        #expect(t.send(9, "start-monitoring", ["kioskId": "K77"]) == ["audit monitoring-refused ", "9 unknown-kiosk"])
        #expect(t.send(9, "start-monitoring", ["kioskId": "M1"]) == ["audit monitoring-refused ", "9 unknown-kiosk"])
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        for (event, payload) in [
            ("offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]]),
            ("ice-candidate", ["targetId": "K1", "candidate": nil]), ("stop-monitoring", ["kioskId": "K1"]),
        ] as [(String, JSONValue)] {
            #expect(t.send(9, event, payload) == ["9 no-session"], "\(event)")
        }
        #expect(!t.send(5, "heartbeat-ping", ["status": ["camera": "ok"]]).contains { $0.hasPrefix("9") })
    }

    @Test func whoMaySayWhat() {
        t.everybodyComes()
        _ = t.connect("A1", 7)
        for kind in ClientEvent.Kind.allCases {
            let isBoth = kind == .iceCandidate
            let isMonitors = [.registerMonitor, .startMonitoring, .stopMonitoring, .offer].contains(kind)
            // Without a payload, so that nothing happens where it is allowed.
            #expect(t.send(7, kind.rawValue) == ["7 forbidden"], "\(kind)")
            if isMonitors { #expect(t.send(5, kind.rawValue) == ["5 forbidden"], "\(kind)") }
            if !isMonitors && !isBoth { #expect(t.send(1, kind.rawValue) == ["1 forbidden"], "\(kind)") }
        }
        #expect(t.send(1, "no-such-event") == ["1 unknown-event"])
    }

    @Test func registrationComesFirst() {
        _ = t.connect("K1", 5) + t.connect("M1", 1)
        for (number, kinds) in [
            (
                5,
                [
                    ClientEvent.Kind.answer, .iceCandidate, .restartRequest, .sessionError, .sessionReport,
                    .heartbeatPing, .crewSignOn, .crewSignOff,
                ]
            ),
            (1, [.startMonitoring, .stopMonitoring, .offer, .iceCandidate]),
        ] as [(UInt64, [ClientEvent.Kind])] {
            for kind in kinds { #expect(t.send(number, kind.rawValue) == ["\(number) not-registered"], "\(kind)") }
        }
    }

    @Test func anErrorReachesAClientThatAsksForNoAcknowledgement() {
        t.everybodyComes()
        #expect(t.send(1, "offer", ["targetId": "K1"], acknowledged: false) == ["1 ← error bad-request offer"])
        #expect(
            t.send(1, "start-monitoring", ["kioskId": 7], acknowledged: false) == [
                "1 ← error bad-request start-monitoring"
            ])
        // What works is not answered.
        #expect(
            t.send(5, "session-report", ["sessionId": "x", "state": "media-started"], acknowledged: false) == [
                "5 ← error no-session session-report"
            ])
    }

    @Test func crewEventsAreStoredBeforeTheyAreAcknowledged() throws {
        t.everybodyComes()
        t.hub.received(
            SocketIOEvent(
                name: "crew-sign-on",
                arguments: [["eventId": "e1", "crewId": "4711", "occurredAt": "2026-01-01T00:00:00Z"]],
                acknowledgement: AcknowledgementID(rawValue: 9)), from: socket(5), now: start)
        guard case .store(.crew(let record, let reply))? = t.hub.takeActions().first else {
            Issue.record("not stored")
            return
        }
        #expect(record.kioskId == "K1" && record.organization == "west" && record.receivedAt == start.wall)
        t.hub.crewStored(record, isNew: true, reply)
        #expect(t.drain() == ["5 ok", "1,2 ← crew-sign-on"])
        t.hub.crewStored(record, isNew: false, reply)
        #expect(t.drain() == ["5 ok"], "an event that was known is acknowledged and not told again")
        t.hub.crewFailed(reply)
        #expect(t.drain() == ["5 internal-error"])
    }

    @Test func aSilentKioskIsOfflineAndAHeartbeatBringsItBack() {
        t.everybodyComes()
        _ = t.wait(.seconds(60))
        _ = t.send(5, "heartbeat-ping")
        #expect(t.wait(.seconds(89)).isEmpty)
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        _ = t.send(1, "offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]])
        _ = t.send(5, "answer", ["targetId": "M1", "answer": ["type": "answer", "sdp": "v=0"]])
        #expect(t.wait(.seconds(1)) == ["1,2 ← kiosk-offline"])
        #expect(t.send(2, "start-monitoring", ["kioskId": "K1"]) == ["audit monitoring-refused K1", "2 kiosk-offline"])
        // Within its grace the session goes on.
        _ = t.wait(.seconds(9))
        #expect(t.send(5, "heartbeat-ping") == ["5 ok", "5 ← heartbeat-pong", "1,2 ← kiosk-online"])
        #expect(t.hub.sessions.count == 1)
        _ = t.wait(.seconds(90))
        #expect(
            t.wait(.seconds(10)) == [
                "1 ← stopped kiosk-disconnected", "5 ← stopped kiosk-disconnected",
                "store ended kiosk-disconnected -", "1,2 ← kiosk-status",
            ], "its socket is open, so it hears that too")
        #expect(t.send(5, "heartbeat-ping") == ["5 ok", "5 ← heartbeat-pong", "1,2 ← kiosk-online"], "once")
    }

    /// With K1 on 5 and M1 on 1 in a session that both have negotiated.
    private func watching(_ t: HubTranscript) {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        _ = t.send(1, "offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]])
        _ = t.send(5, "answer", ["targetId": "M1", "answer": ["type": "answer", "sdp": "v=0"]])
    }

    @Test(arguments: [true, false]) func whoRecoversAfterTheGraceHearsHowItEnded(isRegistering: Bool) {
        let t = HubTranscript(Hub.Settings(recoveryWindow: .seconds(120)))
        watching(t)
        _ = t.lose(5, mayReturn: true)
        #expect(
            t.wait(.seconds(10)) == [
                "1 ← stopped kiosk-disconnected", "store ended kiosk-disconnected -", "1,2 ← kiosk-status",
            ])
        let back = isRegistering ? t.connect("K1", 6) + t.send(6, "register-kiosk") : t.connect("K1", 6, recovers: 5)
        #expect(back.filter { $0.contains("stopped") } == ["6 ← stopped kiosk-disconnected"])
        _ = t.lose(6)
        _ = t.connect("K1", 7)
        #expect(!t.send(7, "register-kiosk").contains { $0.contains("stopped") }, "once")
    }

    @Test(arguments: [true, false]) func aMonitorThatRecoversAfterTheGraceHearsHowItEnded(isRegistering: Bool) {
        let t = HubTranscript(Hub.Settings(recoveryWindow: .seconds(120)))
        watching(t)
        _ = t.lose(1, mayReturn: true)
        #expect(t.wait(.seconds(10)).first == "5 ← stopped monitor-disconnected")
        let back =
            isRegistering ? t.connect("M1", 11) + t.send(11, "register-monitor") : t.connect("M1", 11, recovers: 1)
        #expect(back.filter { $0.contains("stopped") } == ["11 ← stopped monitor-disconnected"])
        _ = t.connect("M1", 12)
        #expect(!t.send(12, "register-monitor").contains { $0.contains("stopped") }, "once")
    }

    @Test func aKioskThatNamesWhatItCarriesHearsOfNothingElse() {
        watching(t)
        _ = t.lose(5)
        _ = t.wait(.seconds(10))
        _ = t.connect("K1", 6)
        #expect(!t.send(6, "register-kiosk", ["sessions": []]).contains { $0.contains("stopped") })
        _ = t.lose(6)
        _ = t.connect("K1", 7)
        #expect(!t.send(7, "register-kiosk").contains { $0.contains("stopped") })
    }

    @Test func aHeartbeatsNewsReachTheMonitorsOnce() {
        t.everybodyComes()
        #expect(
            t.send(5, "heartbeat-ping", ["status": ["camera": "ok"]]) == [
                "5 ok", "5 ← heartbeat-pong", "1,2 ← kiosk-status",
            ])
        #expect(t.send(5, "heartbeat-ping", ["status": ["camera": "ok"]]) == ["5 ok", "5 ← heartbeat-pong"])
        #expect(
            t.send(5, "heartbeat-ping", ["status": ["live": true]]) == [
                "5 ok", "5 ← heartbeat-pong", "1,2 ← kiosk-status",
            ])
        let entry = t.hub.kioskList(of: "west")[0]
        #expect(entry.status?.fields == JSONObject([("camera", "ok"), ("live", true)]))
    }

    @Test func bytesInAStatusReachNobody() {
        t.everybodyComes()
        #expect(t.send(5, "heartbeat-ping", ["status": ["camera": ["picture": .binary([1])]]]) == ["5 bad-request"])
        #expect(t.hub.kioskList(of: "west")[0].status?.fields == JSONObject())
    }

    /// A kiosk that is restarted or upgraded says so; without a word it would have been replaced by itself.
    @Test func aKioskThatLeavesOnPurposeEndsItsSession() {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let session = t.hub.sessions.session(ofKiosk: "K1")?.id ?? ""
        #expect(
            t.send(
                5, "session-report",
                ["sessionId": .string(session), "state": "media-stopped", "reason": "kiosk-restarting"])
                == [
                    "store media-stopped", "5 ok", "5 ← stopped kiosk-restarting", "1 ← stopped kiosk-restarting",
                    "store ended kiosk-restarting -", "1,2 ← kiosk-status",
                ])
        _ = t.lose(5)
        _ = t.connect("K1", 6)
        #expect(
            t.send(6, "register-kiosk", ["sessions": []]) == ["6 ok", "6 ← kiosk-registered", "1,2 ← kiosk-online"])
    }

    @Test func anotherReasonForTheEndOfMediaEndsNoSession() {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let session = t.hub.sessions.session(ofKiosk: "K1")?.id ?? ""
        for reason: JSONValue in [nil, "nobody takes it", "server-shutdown"] {
            #expect(
                t.send(
                    5, "session-report", ["sessionId": .string(session), "state": "media-stopped", "reason": reason])
                    == ["store media-stopped", "5 ok"])
        }
        #expect(
            t.send(
                5, "session-report",
                ["sessionId": .string(session), "state": "media-started", "reason": "kiosk-restarting"])
                == ["store media-started", "5 ok"])
    }

    @Test func aSecondSocketReplacesTheFirst() {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        _ = t.connect("K1", 6)
        #expect(
            t.send(6, "register-kiosk")
                == [
                    "6 ok", "6 ← kiosk-registered", "5 ← stopped kiosk-replaced", "1 ← stopped kiosk-replaced",
                    "store ended kiosk-replaced -", "1,2 ← kiosk-status", "1,2 ← kiosk-online", "5 disconnected",
                ])
        // The first one's end is no news any more.
        #expect(t.lose(5).isEmpty)
        #expect(t.hub.kioskList(of: "west")[0].online)
    }

    @Test func tooManyMessagesAreThrottledAndAFloodIsCutOff() {
        t.everybodyComes()
        for _ in 0..<49 { #expect(t.send(5, "heartbeat-ping").first == "5 ok") }
        #expect(t.send(5, "heartbeat-ping") == ["5 throttled"])
        #expect(t.send(1, "register-monitor").first == "1 ok", "the others are not delayed")
        _ = t.wait(.milliseconds(100))
        #expect(
            (0..<6).map { _ in t.send(5, "heartbeat-ping").first } == [
                "5 ok", "5 ok", "5 ok", "5 ok", "5 ok", "5 throttled",
            ])
        var last: [String] = []
        for _ in 0..<1000 { last = t.send(5, "heartbeat-ping") }
        #expect(last.first == "5 disconnected")
        #expect(t.hub.presence.onlineCount == 0)
    }

    /// A machine with many interfaces tells all its addresses at once; a refused candidate is sent by nobody again.
    @Test func candidatesMayComeInABurst() {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        func candidate(_ number: Int) -> [String] {
            t.send(
                1, "ice-candidate",
                [
                    "targetId": "K1",
                    "candidate": ["candidate": .string("candidate:\(number) 1 udp 1 10.0.0.1 9 typ host")],
                ])
        }
        #expect((0..<200).allSatisfy { candidate($0).contains("1 ok") })
        #expect(t.send(1, "register-monitor").contains("1 ok"), "they leave room for everything else")
        #expect((0..<100).contains { candidate($0) == ["1 throttled"] })
    }

    @Test func adisabledAccountIsGoneAtOnce() {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        t.hub.directoryChanged(HubTranscript.snapshot { $0[2].isDisabled = true }, now: start)
        #expect(
            t.drain() == [
                "5 ← stopped ended-by-admin", "1 ← stopped ended-by-admin", "store ended ended-by-admin -",
                "1,2 ← kiosk-status", "1 disconnected",
            ])
        t.hub.directoryChanged(
            HubTranscript.snapshot {
                $0[0].isDisabled = true; $0[2].isDisabled = true
            }, now: start)
        #expect(t.drain() == ["5 disconnected", "2 ← kiosk-offline"])
        #expect(t.connect("M2", 22) == ["22 accepted"])
        #expect(t.connect("K1", 55) == ["55 refused account-disabled"])
    }

    @Test func aDisabledAccountsSessionEndsAlsoWithinItsGrace() {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        _ = t.lose(1)
        t.hub.directoryChanged(HubTranscript.snapshot { $0[2].isDisabled = true }, now: start)
        #expect(t.drain() == ["5 ← stopped ended-by-admin", "store ended ended-by-admin -", "2 ← kiosk-status"])
    }

    @Test func aRevokedFamilyTakesItsSocketsAlong() {
        t.everybodyComes()
        t.hub.familyRevoked("family of M1", now: start)
        #expect(t.drain() == ["1 disconnected"])
        #expect(t.connect("M1", 11) == ["11 refused token-invalid"])
        #expect(t.connect("M2", 12) == ["12 accepted"])
    }

    @Test func aNewKioskAppearsInTheLists() {
        t.everybodyComes()
        t.hub.directoryChanged(HubTranscript.snapshot { $0.append(account("K3")) }, now: start)
        #expect(t.drain() == ["1,2 ← kiosk-offline"])
        t.hub.directoryChanged(HubTranscript.snapshot { $0.append(account("K3")) }, now: start)
        #expect(t.drain().isEmpty)
    }

    @Test func anAdministratorEndsSessionsOfTheOwnOrganization() throws {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let id = try #require(t.hub.sessions.session(ofKiosk: "K1")?.id)
        #expect(!t.end(by: account("A9", .admin, "east"), sessionId: id))
        #expect(!t.end(by: account("A1", .admin), sessionId: "none"))
        #expect(t.drain().isEmpty)
        #expect(t.end(by: account("A1", .admin), sessionId: id))
        #expect(t.drain().contains("store ended ended-by-admin A1"))
    }

    @Test func theRecordsAreToldWhyAnAdministratorEndedASession() throws {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let id = try #require(t.hub.sessions.session(ofKiosk: "K1")?.id)
        #expect(t.end(by: account("A1", .admin), sessionId: id, reason: "the wrong kiosk"))
        #expect(t.drain().contains("store ended ended-by-admin A1: the wrong kiosk"))
    }

    @Test func aMonitorEndsItsOwnSessionWithoutItsSocket() throws {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let id = try #require(t.hub.sessions.session(ofKiosk: "K1")?.id)
        #expect(!t.end(by: account("M2", .monitor), sessionId: id))
        #expect(!t.end(by: account("K1"), sessionId: id))
        #expect(!t.end(by: account("M9", .monitor, "east"), sessionId: id))
        #expect(t.drain().isEmpty)
        #expect(t.end(by: account("M1", .monitor), sessionId: id))
        #expect(t.drain().contains("store ended stopped-by-monitor -"))
    }

    @Test func aPageThatIsLoadedAgainLocksNobodyOut() throws {
        _ = t.connect("K1", 5) + t.send(5, "register-kiosk")
        _ = t.connect("M1", 1) + t.send(1, "register-monitor", ["clientId": "tab-1", "sessions": []])
        _ = t.connect("M2", 2) + t.send(2, "register-monitor")
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        _ = t.connect("M1", 11)
        #expect(
            t.send(11, "register-monitor", ["clientId": "tab-1", "sessions": []])
                .contains("store ended monitor-disconnected -"))
        #expect(t.send(2, "start-monitoring", ["kioskId": "K1"]).contains("2 ok"))
    }

    @Test func whoseTheSessionIsSurvivesARestart() throws {
        let open = SessionRecord(
            sequence: 1, id: "S1", organization: "west", kioskId: "K1", monitorId: "M1", startedAt: start.wall,
            negotiatedAt: start.wall, clientId: "tab-1")
        t.hub.restore([open], now: t.now)
        _ = t.connect("K1", 5) + t.send(5, "register-kiosk", ["sessions": ["S1"]])
        _ = t.connect("M1", 1)
        #expect(t.wait(.seconds(59)).isEmpty, "a kiosk pauses up to 30 s between two attempts, and so may a monitor")
        #expect(
            t.send(1, "register-monitor", ["clientId": "tab-2", "sessions": []]) == ["1 ok", "1 ← kiosk-list"])
        _ = t.connect("M1", 2)
        #expect(
            t.send(2, "register-monitor", ["clientId": "tab-1", "sessions": []])
                .contains("store ended monitor-disconnected -"))
    }

    @Test func whatAKioskSaidLastIsRememberedWhileItIsAway() {
        t.everybodyComes()
        _ = t.send(5, "heartbeat-ping", ["status": ["camera": "missing"]])
        _ = t.lose(5)
        #expect(t.hub.kioskList(of: "west")[0].status == nil, "of one that is away nothing is said")
        _ = t.connect("K1", 15) + t.send(15, "register-kiosk")
        #expect(t.hub.kioskList(of: "west")[0].status?.fields["camera"] == "missing")
        _ = t.send(15, "heartbeat-ping", ["status": ["camera": "idle"]])
        #expect(t.hub.kioskList(of: "west")[0].status?.fields["camera"] == "idle")
    }

    @Test func aMonitorHearsWhichOfItsSessionsTheServerKnows() throws {
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        let id = try #require(t.hub.sessions.session(ofKiosk: "K1")?.id)
        t.hub.received(
            SocketIOEvent(
                name: "register-monitor", arguments: [["sessions": [.string(id), "forgotten"]]],
                acknowledgement: AcknowledgementID(rawValue: 77)), from: socket(1), now: t.now)
        let answers = t.hub.takeActions().compactMap { action -> JSONObject? in
            if case .acknowledge(_, _, .ok(let details)) = action { details } else { nil }
        }
        #expect(answers == [JSONObject([("sessions", .array([.string(id)]))])])
    }

    @Test func aRestartWithinTheGraceIsNoMoreThanAReconnect() throws {
        let open = [
            SessionRecord(
                sequence: 1, id: "S1", organization: "west", kioskId: "K1", monitorId: "M1", startedAt: start.wall,
                negotiatedAt: start.wall),
            SessionRecord(
                sequence: 2, id: "S2", organization: "west", kioskId: "gone", monitorId: "M1", startedAt: start.wall),
        ]
        t.hub.restore(open, now: t.now)
        #expect(t.drain() == ["store ended server-shutdown server"])
        _ = t.connect("K1", 5) + t.connect("M1", 1)
        #expect(t.send(5, "register-kiosk", ["sessions": ["S1"]]) == ["5 ok", "5 ← kiosk-registered"])
        #expect(
            t.send(1, "register-monitor", ["sessions": ["S1", "S2"]]) == [
                "1 ok", "1 ← kiosk-list", "1 ← stopped server-shutdown",
            ])
        #expect(t.hub.kioskList(of: "west")[0].monitoredBy == "M1")
        #expect(t.wait(.seconds(80)).isEmpty)
        #expect(t.send(5, "restart-request", ["targetId": "M1"]) == ["5 ok", "1 ← restart-request"])
    }

    @Test func aSessionIsRecordedBeforeAnybodyHearsOfIt() throws {
        t.everybodyComes()
        t.recordsAreFast = false
        let began = t.send(1, "start-monitoring", ["kioskId": "K1"])
        #expect(began.allSatisfy { $0.hasPrefix("store") || $0.contains("kiosk-status") })
        let id = try #require(t.hub.sessions.session(ofKiosk: "K1")?.id)
        #expect(t.send(1, "start-monitoring", ["kioskId": "K1"]).isEmpty, "the same session, still unrecorded")
        #expect(t.send(1, "stop-monitoring", ["kioskId": "K1"]).contains("1 ok"))
        t.hub.sessionStored(id)
        #expect(
            t.drain() == [
                "1 ok", "5 ← monitoring-started", "1 ← monitoring-started", "1 ok", "1 ← monitoring-started",
                "5 ← stopped stopped-by-monitor", "1 ← stopped stopped-by-monitor",
            ])
    }

    @Test func aSessionThatCannotBeRecordedNeverWas() throws {
        t.everybodyComes()
        t.recordsAreFast = false
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        t.hub.sessionNotStored(try #require(t.hub.sessions.session(ofKiosk: "K1")?.id), now: t.now)
        let lines = t.drain()
        #expect(lines.contains("1 internal-error"))
        #expect(!lines.contains { $0.contains("monitoring-started") || $0.contains("stopped ") })
        #expect(!lines.contains { $0.hasPrefix("store ended") })
        #expect(t.hub.sessions.count == 0)
        #expect(t.hub.metrics.sessionsStarted == 0 && t.hub.metrics.sessionsEnded.isEmpty)
    }

    @Test func whoAskedForNoAcknowledgementHearsThatItCannotBeRecorded() throws {
        t.everybodyComes()
        t.recordsAreFast = false
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"], acknowledged: false)
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        t.hub.sessionNotStored(try #require(t.hub.sessions.session(ofKiosk: "K1")?.id), now: t.now)
        #expect(
            t.drain() == ["1,2 ← kiosk-status", "1 ← error internal-error start-monitoring", "1 internal-error"])
        #expect(t.hub.metrics.refusals[.internalError] == 2)
    }

    @Test func whatEndedBeforeARestartIsToldToWhoeverStillNamesIt() {
        let ended = SessionRecord(
            sequence: 1, id: "S0", organization: "west", kioskId: "K1", monitorId: "M1", startedAt: start.wall,
            endedAt: start.wall, endReason: .endedByAdmin)
        t.hub.restore([], ended: [ended], now: t.now)
        _ = t.connect("K1", 5) + t.connect("M1", 1)
        #expect(t.send(5, "register-kiosk", ["sessions": ["S0"]]).contains("5 ← stopped ended-by-admin"))
        #expect(t.send(1, "register-monitor", ["sessions": ["S0"]]).contains("1 ← stopped ended-by-admin"))
    }

    @Test func whoRecoversGoesOnWithoutRegistering() throws {
        let t = HubTranscript(Hub.Settings(recoveryWindow: .seconds(60)))
        t.everybodyComes()
        _ = t.send(1, "start-monitoring", ["kioskId": "K1"])
        #expect(t.lose(1, mayReturn: true).isEmpty)
        _ = t.send(5, "heartbeat-ping", ["status": ["camera": "missing"]])
        t.hub.received(
            SocketIOEvent(name: "restart-request", arguments: [["targetId": "M1"]]), from: socket(5), now: t.now)
        #expect(t.drain().isEmpty, "what is for the session waits for its monitor")
        #expect(
            t.send(5, "heartbeat-ping", ["status": ["camera": "ok"]])
                == ["5 ok", "5 ← heartbeat-pong", "2,1 ← kiosk-status"], "the lost one will ask for it")
        #expect(t.connect("M1", 11, recovers: 1) == ["11 recovered", "11 ← restart-request"])
        #expect(t.send(11, "stop-monitoring", ["kioskId": "K1"]).contains("11 ok"))
        #expect(t.connect("M1", 12, recovers: 1) == ["12 accepted"], "once")
        #expect(t.send(12, "stop-monitoring", ["kioskId": "K1"]) == ["12 not-registered"])
    }

    @Test func aKioskThatRecoversIsOnlineAgain() {
        let t = HubTranscript(Hub.Settings(recoveryWindow: .seconds(60)))
        t.everybodyComes()
        #expect(t.lose(5, mayReturn: true) == ["1,2 ← kiosk-offline"])
        #expect(t.connect("K1", 6, recovers: 5) == ["6 recovered", "1,2 ← kiosk-online"])
        #expect(t.send(6, "heartbeat-ping", ["status": [:]]) == ["6 ok", "6 ← heartbeat-pong"])
    }

    @Test func recoveryHasItsTimeAndItsOwner() {
        let t = HubTranscript(Hub.Settings(recoveryWindow: .seconds(60)))
        t.everybodyComes()
        _ = t.lose(1, mayReturn: true)
        #expect(t.connect("M2", 12, recovers: 1) == ["12 accepted"], "another's pid is worth nothing")
        #expect(t.send(12, "start-monitoring", ["kioskId": "K1"]) == ["12 not-registered"])
        _ = t.lose(2, mayReturn: true)
        _ = t.wait(.seconds(60))
        #expect(t.connect("M2", 13, recovers: 2) == ["13 accepted"])
        #expect(t.send(13, "start-monitoring", ["kioskId": "K1"]) == ["13 not-registered"])
    }

    @Test func everyEventWithAnyFieldMissingOrWrongIsRefusedByName() {
        t.everybodyComes()
        let payloads: [(UInt64, String, JSONValue)] = [
            (1, "start-monitoring", ["kioskId": "K1"]), (1, "stop-monitoring", ["kioskId": "K1"]),
            (1, "offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]]),
            (5, "answer", ["targetId": "M1", "answer": ["type": "answer", "sdp": "v=0"]]),
            (5, "restart-request", ["targetId": "M1"]),
            (5, "session-error", ["targetId": "M1", "error": ["code": "camera-busy", "message": "m"]]),
            (5, "session-report", ["sessionId": "S", "state": "media-started"]),
            (5, "crew-sign-on", ["eventId": "e", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"]),
            (5, "crew-sign-off", ["eventId": "e", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"]),
        ]
        for (number, event, json) in payloads {
            let payload = json.object ?? JSONObject()
            for member in payload.members {
                let broken: [JSONValue?] = [nil, 7, true, [], .string(String(repeating: "x", count: 100_000))]
                for value in broken {
                    var copy = payload
                    copy[member.name] = value
                    t.hub.received(
                        SocketIOEvent(
                            name: event, arguments: [.object(copy)], acknowledgement: AcknowledgementID(rawValue: 1)),
                        from: socket(number), now: t.now)
                    guard case .acknowledge(_, _, .refused(let error, _))? = t.hub.takeActions().first else {
                        Issue.record(
                            "\(event) with \(member.name) \(value.map { "\($0)".prefix(20) } ?? "missing") was not refused"
                        )
                        continue
                    }
                    #expect(error.code == .badRequest, "\(event).\(member.name): \(error)")
                    #expect(error.message.contains(member.name), "\(event).\(member.name): \(error)")
                    _ = t.wait(.milliseconds(40))
                }
            }
            for payload: JSONValue in [.null, 7, "x", [], true] where event != "heartbeat-ping" {
                #expect(t.send(number, event, payload) == ["\(number) bad-request"], "\(event) \(payload)")
                _ = t.wait(.milliseconds(40))
            }
        }
    }
}
