import JSON
import Primitives
import Signaling
import Testing

@Suite struct ClientEventTests {
    static let everyEvent: [ClientEvent] = [
        .registerKiosk(KioskRegistration()),
        .registerKiosk(
            KioskRegistration(
                version: "1.0", hostname: "kiosk-01", media: MediaAvailability(video: true, audio: false),
                sessions: ["a", "b"])),
        .registerMonitor(MonitorRegistration()), .registerMonitor(MonitorRegistration(sessions: [])),
        .registerMonitor(MonitorRegistration(clientId: "tab-1", sessions: ["s"])),
        .startMonitoring(kioskId: "KIOSK_01"),
        .stopMonitoring(kioskId: "KIOSK_01", sessionId: nil), .stopMonitoring(kioskId: "KIOSK_01", sessionId: "s"),
        .offer(targetId: "KIOSK_01", sessionId: nil, DescriptionPayload(type: .offer, sdp: "v=0\r\n")),
        .answer(targetId: "MONITOR_01", sessionId: "s", DescriptionPayload(type: .answer, sdp: "v=0\r\n")),
        .iceCandidate(
            targetId: "MONITOR_01", sessionId: nil,
            CandidatePayload(candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0", sdpMLineIndex: 0)),
        .iceCandidate(targetId: "MONITOR_01", sessionId: nil, CandidatePayload(candidate: "")),
        .restartRequest(targetId: "MONITOR_01", sessionId: "s"),
        .sessionError(
            targetId: "MONITOR_01", sessionId: nil, SessionErrorPayload(.cameraMissing, message: "no camera found")),
        .sessionReport(SessionReport(sessionId: "s", state: .mediaStarted, firstFrameMs: 250)),
        .sessionReport(SessionReport(sessionId: "s", state: .mediaStopped)),
        .sessionReport(SessionReport(sessionId: "s", state: .mediaFailed, reason: "consent-expired")),
        .heartbeatPing(KioskStatus(fields: JSONObject([("camera", "ok"), ("live", true), ("temperature", 51.5)]))),
        .crew(
            CrewEvent(
                kind: .signOn, eventId: "e", crewId: "4711", name: "A. Example", role: "driver", train: "IC 1",
                occurredAt: "2026-01-01T04:00:00+05:30")),
        .crew(CrewEvent(kind: .signOff, eventId: "e", crewId: "4711", occurredAt: "2026-01-01T04:00:00Z")),
    ]

    @Test(arguments: everyEvent) func roundTrips(event: ClientEvent) throws {
        #expect(try ClientEvent(name: event.name, arguments: event.arguments) == event)
    }

    @Test func everyKindIsCovered() {
        #expect(Set(ClientEventTests.everyEvent.map(\.kind)) == Set(ClientEvent.Kind.allCases))
    }

    private func refusal(_ name: String, _ payload: JSONValue?) -> SignalingError? {
        do {
            _ = try ClientEvent(name: name, arguments: payload.map { [$0] } ?? [])
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["\0", "\n", "\u{1B}[2J", "\u{7F}", "\u{85}", "\u{2028}", "\u{202E}", "\u{2066}"])
    func whatDisguisesATextIsRefused(character: String) {
        let text = JSONValue.string("a\(character)b")
        let crew: JSONValue = [
            "eventId": "e", "crewId": "4711", "name": text, "occurredAt": "2026-01-01T04:00:00Z",
        ]
        let cases: [(String, JSONValue, String)] = [
            ("start-monitoring", ["kioskId": text], "kioskId"), ("register-kiosk", ["hostname": text], "hostname"),
            ("register-kiosk", ["sessions": ["s", text]], "sessions[1]"), ("crew-sign-on", crew, "name"),
            ("heartbeat-ping", ["status": ["camera": ["name": text]]], "camera"),
        ]
        for (name, payload, field) in cases {
            let error = refusal(name, payload)
            #expect(error?.code == .badRequest && error?.message.contains("\(field): ") == true, "\(name)")
        }
    }

    @Test func otherScriptsAndLinesOfADescriptionPass() {
        #expect(refusal("register-kiosk", ["hostname": "مرحبا\u{200F} 東京 é 🚆"]) == nil)
        let lines = "v=0\r\ns=-\r\n"
        #expect(refusal("offer", ["targetId": "k", "offer": ["type": "offer", "sdp": .string(lines)]]) == nil)
        let cut = JSONValue.string("v=0\r\n\0")
        #expect(refusal("offer", ["targetId": "k", "offer": ["type": "offer", "sdp": cut]]) != nil)
    }

    @Test func refusalsNameTheField() {
        let long = String(repeating: "x", count: 65537)
        let cases: [(String, JSONValue?, String)] = [
            ("start-monitoring", nil, "payload"), ("start-monitoring", [], "payload"),
            ("start-monitoring", [:], "kioskId"), ("start-monitoring", ["kioskId": 1], "kioskId"),
            ("start-monitoring", ["kioskId": nil], "kioskId"), ("start-monitoring", ["kioskId": ""], "kioskId"),
            ("start-monitoring", ["kioskId": .string(String(repeating: "k", count: 129))], "kioskId"),
            ("register-kiosk", "x", "payload"), ("register-kiosk", ["version": 1], "version"),
            ("register-kiosk", ["media": true], "media"), ("register-kiosk", ["media": ["video": 1]], "media.video"),
            ("register-kiosk", ["sessions": "x"], "sessions"), ("register-kiosk", ["sessions": [1]], "sessions[0]"),
            ("register-monitor", ["sessions": [:]], "sessions"), ("register-monitor", ["clientId": 7], "clientId"),
            ("offer", ["targetId": "k"], "offer"), ("offer", ["targetId": "k", "offer": "v=0"], "offer"),
            ("offer", ["targetId": "k", "offer": ["type": "offer"]], "offer.sdp"),
            ("offer", ["targetId": "k", "offer": ["type": "answer", "sdp": "v=0"]], "offer.type"),
            ("offer", ["targetId": "k", "offer": ["type": "offer", "sdp": .string(long)]], "offer.sdp"),
            ("offer", ["offer": ["type": "offer", "sdp": "v=0"]], "targetId"),
            ("answer", ["targetId": "k", "sessionId": 5, "answer": ["type": "answer", "sdp": "v"]], "sessionId"),
            ("ice-candidate", ["targetId": "k", "candidate": "x"], "candidate"),
            ("ice-candidate", ["targetId": "k", "candidate": ["candidate": 1]], "candidate.candidate"),
            (
                "ice-candidate", ["targetId": "k", "candidate": ["candidate": .string(String(long.prefix(2049)))]],
                "candidate.candidate"
            ),
            (
                "ice-candidate", ["targetId": "k", "candidate": ["candidate": "", "sdpMLineIndex": -1]],
                "candidate.sdpMLineIndex"
            ),
            (
                "ice-candidate", ["targetId": "k", "candidate": ["candidate": "", "sdpMLineIndex": 0.5]],
                "candidate.sdpMLineIndex"
            ),
            ("session-error", ["targetId": "k"], "error"),
            ("session-error", ["targetId": "k", "error": ["message": "m"]], "error.code"),
            ("session-report", ["sessionId": "s", "state": "on"], "state"),
            ("session-report", ["state": "media-started"], "sessionId"),
            ("session-report", ["sessionId": "s", "state": "media-started", "firstFrameMs": -1], "firstFrameMs"),
            ("heartbeat-ping", ["status": 1], "status"), ("heartbeat-ping", ["status": ["live": 1]], "status.live"),
            ("heartbeat-ping", ["status": ["camera": .string(long)]], "status"),
            ("crew-sign-on", ["crewId": "c", "occurredAt": "2026-01-01T04:00:00Z"], "eventId"),
            ("crew-sign-on", ["eventId": "e", "occurredAt": "2026-01-01T04:00:00Z"], "crewId"),
            ("crew-sign-off", ["eventId": "e", "crewId": "c"], "occurredAt"),
            ("crew-sign-on", ["eventId": "e", "crewId": "c", "occurredAt": "t"], "occurredAt"),
            ("crew-sign-on", ["eventId": "e", "crewId": "c", "occurredAt": "2026-01-01T04:00:00"], "occurredAt"),
            ("crew-sign-on", ["eventId": "e", "crewId": "c", "occurredAt": "2026-02-30T04:00:00Z"], "occurredAt"),
            ("crew-sign-off", ["eventId": "e", "crewId": "c", "occurredAt": "2026-01-01 04:00:00Z"], "occurredAt"),
            ("crew-sign-off", ["eventId": "e", "crewId": "c", "occurredAt": 1_767_225_600], "occurredAt"),
            (
                "crew-sign-off", ["eventId": "e", "crewId": "c", "occurredAt": "2026-01-01T04:00:00Z", "name": []],
                "name"
            ),
        ]
        for (name, payload, field) in cases {
            let error = refusal(name, payload)
            #expect(error?.code == .badRequest, "\(name) \(field)")
            #expect(error?.message.contains(field) == true, "\(name): \(error?.message ?? "accepted")")
            #expect((error?.message.utf8.count ?? 0) < 200)
        }
    }

    @Test func limitsAreInclusive() {
        let sdp = JSONValue.string(String(repeating: "x", count: 64 * 1024))
        #expect(refusal("offer", ["targetId": "k", "offer": ["type": "offer", "sdp": sdp]]) == nil)
        let candidate = JSONValue.string(String(repeating: "x", count: 2048))
        #expect(refusal("ice-candidate", ["targetId": "k", "candidate": ["candidate": candidate]]) == nil)
    }

    @Test func unknownFieldsAndNullsAreIgnored() throws {
        #expect(
            try ClientEvent(name: "start-monitoring", arguments: [["kioskId": "k", "new": [1]], "more"])
                == .startMonitoring(kioskId: "k"))
        #expect(try ClientEvent(name: "register-monitor", arguments: [nil]) == .registerMonitor(MonitorRegistration()))
        #expect(
            try ClientEvent(name: "ice-candidate", arguments: [["targetId": "k", "candidate": nil]])
                == .iceCandidate(targetId: "k", sessionId: nil, CandidatePayload(candidate: "")))
        #expect(
            try ClientEvent(name: "heartbeat-ping", arguments: [["status": ["disk": 1, "live": false]]])
                == .heartbeatPing(KioskStatus(fields: JSONObject([("live", false)]))))
    }

    @Test(arguments: [JSONValue.binary([1]), ["lens": .binary([1])], [1, [["a": .binary([])]]]])
    func aStatusHasNoBytesAtAnyDepth(value: JSONValue) {
        let refused = refusal("heartbeat-ping", ["status": ["live": true, "camera": value]])
        #expect(refused?.code == .badRequest)
        #expect(refused?.message == "status.camera: must not be binary")
    }

    @Test func unknownEvents() {
        #expect(refusal("reboot", [:])?.code == .unknownEvent)
        #expect(refusal("kiosk-list", [:])?.code == .unknownEvent)
    }

    /// Every event with each of its fields replaced by every kind of value: a refusal or an event, never a trap.
    @Test func everyFieldOfEveryWrongType() {
        let wrong: [JSONValue?] = [nil, .null, true, -1, 1.5, "", "x", [], [[:]], [:], ["a": 1], .binary([1])]
        for event in ClientEventTests.everyEvent {
            guard case .object(let object)? = event.arguments.first else { continue }
            for member in object.members {
                for value in wrong {
                    var changed = object
                    changed[member.name] = value
                    _ = refusal(event.name, .object(changed))
                    guard case .object(let inner) = member.value else { continue }
                    for innerMember in inner.members {
                        var changedInner = inner
                        changedInner[innerMember.name] = value
                        changed[member.name] = .object(changedInner)
                        _ = refusal(event.name, .object(changed))
                    }
                }
            }
        }
    }
}

@Suite struct ServerEventTests {
    static let server = ICEServer(urls: ["turn:turn.example:3478?transport=udp"], username: "1:u", credential: "c")
    static let entry = KioskEntry(
        kioskId: "KIOSK_01", displayName: "Lobby", online: true, lastSeen: "2026-01-01T00:00:00Z",
        monitoredBy: "MONITOR_01", status: KioskStatus(fields: JSONObject([("live", true)])))
    static let everyEvent: [ServerEvent] = [
        .kioskRegistered(kioskId: "KIOSK_01", heartbeatInterval: .milliseconds(30_500), iceServers: [server]),
        .kioskList([]), .kioskList([entry]),
        .kioskOnline(entry), .kioskOffline(entry), .kioskStatus(entry),
        .kioskStatus(
            KioskEntry(
                kioskId: "k", displayName: "", online: false, lastSeen: nil, monitoredBy: nil, status: nil)),
        .monitoringStartedForMonitor(
            kioskId: "k", sessionId: "s", iceServers: [ICEServer(urls: ["stun:a", "stun:b"])]),
        .monitoringStartedForKiosk(monitorId: "m", sessionId: "s", iceServers: []),
        .offer(fromId: "m", sessionId: "s", DescriptionPayload(type: .offer, sdp: "v=0")),
        .answer(fromId: "k", sessionId: "s", DescriptionPayload(type: .answer, sdp: "v=0")),
        .iceCandidate(fromId: "k", sessionId: "s", CandidatePayload(candidate: "c", sdpMid: "0", sdpMLineIndex: 1)),
        .restartRequest(fromId: "k", sessionId: "s"),
        .sessionError(fromId: "k", sessionId: "s", SessionErrorPayload(.dtlsFailed, message: "m")),
        .heartbeatPong(serverTime: "2026-01-01T00:00:00.000Z"),
        .crew(
            CrewEvent(kind: .signOn, eventId: "e", crewId: "c", occurredAt: "2026-01-01T04:00:00Z"), kioskId: "k",
            receivedAt: "r"),
        .crew(
            CrewEvent(kind: .signOff, eventId: "e", crewId: "c", occurredAt: "2026-01-01T04:00:00Z"), kioskId: "k",
            receivedAt: "r"),
        .monitoringStopped(kioskId: "k", sessionId: "s", reason: .kioskReplaced),
        .error(SignalingError(.throttled, "slower"), event: "offer"),
    ]

    @Test(arguments: everyEvent) func roundTrips(event: ServerEvent) throws {
        #expect(try ServerEvent(name: event.name, arguments: event.arguments) == event)
    }

    @Test func everyKindIsCovered() {
        #expect(Set(ServerEventTests.everyEvent.map(\.kind)) == Set(ServerEvent.Kind.allCases))
    }

    @Test func whoRegistersHearsTheContractsVersion() {
        let versions = ServerEventTests.everyEvent.filter { [.kioskRegistered, .kioskList].contains($0.kind) }
            .map { $0.arguments.first?["protocol"] }
        #expect(versions.count == 3 && versions.allSatisfy { $0 == 1 })
    }

    /// A server that is newer than the kiosk says more, and what it says more changes nothing.
    @Test(arguments: everyEvent) func unknownMembersAreIgnored(event: ServerEvent) throws {
        guard case .object(var members)? = event.arguments.first else { return }
        members["newer"] = ["than": ["this": "client"]]
        #expect(try ServerEvent(name: event.name, arguments: [.object(members), "and", 7]) == event)
    }

    @Test func shapesOfTheContract() {
        let registered = ServerEventTests.everyEvent[0]
        #expect(registered.arguments.first?["heartbeatInterval"] == 30_500)
        #expect(registered.arguments.first?["iceServers"]?[0]?["urls"] == ["turn:turn.example:3478?transport=udp"])
        let offline = ServerEventTests.everyEvent[6].arguments.first
        #expect(
            offline == [
                "kioskId": "k", "displayName": "", "online": false, "lastSeen": nil, "monitoredBy": nil, "status": nil,
            ])
        #expect(
            ServerEventTests.everyEvent.last?.arguments
                == [["code": "throttled", "message": "slower", "event": "offer"]])
    }

    @Test func oneAddressForManyURLs() throws {
        let event = try ServerEvent(
            name: "kiosk-registered",
            arguments: [["kioskId": "k", "heartbeatInterval": 1, "iceServers": [["urls": "stun:a"]]]])
        #expect(
            event
                == .kioskRegistered(
                    kioskId: "k", heartbeatInterval: .milliseconds(1), iceServers: [ICEServer(urls: ["stun:a"])]))
    }
}

@Suite struct AcknowledgementTests {
    @Test func shapes() throws {
        #expect(Acknowledgement.ok.arguments == [["ok": true]])
        let busy = Acknowledgement.refused(
            SignalingError(.kioskBusy, "watched"), details: JSONObject([("since", "2026")]))
        #expect(
            busy.arguments == [["ok": false, "error": ["code": "kiosk-busy", "message": "watched", "since": "2026"]]])
        for acknowledgement in [busy, .ok, .ok(JSONObject([("sessionId", "s")]))] {
            #expect(try Acknowledgement(arguments: acknowledgement.arguments) == acknowledgement)
        }
        for bad: [JSONValue] in [[], [true], [[:]], [["ok": 1]], [["ok": false]], [["ok": false, "error": [:]]]] {
            #expect(throws: SignalingError.self) { try Acknowledgement(arguments: bad) }
        }
    }

    @Test func unknownCodesStayReadable() throws {
        let answer = try Acknowledgement(arguments: [["ok": false, "error": ["code": "brand-new", "message": "m"]]])
        #expect(answer == .refused(SignalingError(.internalError, "brand-new: m")))
    }

    @Test func login() throws {
        let json: JSONValue = [
            "token": "t", "expiresAt": "2026", "refreshToken": "r",
            "user": ["id": "KIOSK_01", "role": "kiosk", "organization": "o", "displayName": "d"],
        ]
        let answer = try LoginAnswer(json: json)
        #expect(answer.json == json)
        #expect(answer.user.role == .kiosk)
        #expect("\(answer.token)" == "(redacted)")
        let request = try LoginRequest(json: ["username": "u", "password": "p"])
        #expect(request.json == ["username": "u", "password": "p"])
        for bad: JSONValue in [
            nil, [:], ["username": "u"], ["username": 1, "password": "p"], ["username": "u", "password": ""],
        ] {
            #expect(throws: SignalingError.self) { try LoginRequest(json: bad) }
        }
        #expect(try RefreshRequest(json: ["refreshToken": "r"]).json == ["refreshToken": "r"])
        let refusal = SignalingError(.invalidCredentials, "wrong")
        #expect(refusal.httpBody == ["error": ["code": "invalid-credentials", "message": "wrong"]])
        #expect(try SignalingError(httpBody: refusal.httpBody) == refusal)
    }
}
