import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

/// One client whose events are judged, a line each.
private struct AdmissionTranscript {
    var admission: EventAdmission
    var client: ClientState
    var now = start.instant

    init(_ role: Role, isRegistered: Bool = true, messagesPerSecond: Int = 50) {
        admission = EventAdmission(messagesPerSecond: messagesPerSecond)
        client = ClientState(
            account: "X", role: role, organization: "west", family: "f", issuedAt: start.wall, generation: 7,
            address: nil,
            phase: isRegistered ? .registered(clientId: nil) : .connected, throttles: admission.throttles(now: now))
    }

    mutating func send(_ name: String, _ payload: JSONValue? = nil) -> String {
        let event = SocketIOEvent(name: name, arguments: payload.map { [$0] } ?? [])
        switch admission.judge(event, of: &client, now: now) {
        case .admitted(let event): return event.name
        case .refused(let refusal): return refusal.error.code.rawValue
        case .hopeless: return "hopeless"
        }
    }
}

@Suite struct EventAdmissionTests {
    private let start: JSONValue = ["kioskId": "K1"]

    @Test func everyEventHasItsSenderAndItsStage() {
        for kind in ClientEvent.Kind.allCases {
            let rule = kind.rule
            let isRegistration = kind == .registerKiosk || kind == .registerMonitor
            #expect((rule.stage == .atAnyTime) == isRegistration, "\(kind)")
            #expect((rule.limit == .candidates) == (kind == .iceCandidate), "\(kind)")
            for role in [Role.kiosk, .monitor, .admin] {
                var t = AdmissionTranscript(role, isRegistered: false)
                let answer = t.send(kind.rawValue, 7)
                #expect((answer == "forbidden") == !rule.sender.includes(role), "\(kind) of a \(role)")
                if rule.sender.includes(role) { #expect(answer == (isRegistration ? "bad-request" : "not-registered")) }
            }
        }
    }

    /// A wrong payload of an event that is not the sender's to send is first of all that.
    @Test func whatIsJudgedFirst() {
        var t = AdmissionTranscript(.kiosk, isRegistered: false)
        #expect(t.send("offer", 7) == "forbidden")
        #expect(t.send("answer", 7) == "not-registered")
        #expect(t.send("no-such-event") == "unknown-event")
        t.client.phase = .registered(clientId: nil)
        #expect(t.send("answer", 7) == "bad-request")
        #expect(t.send("heartbeat-ping") == "heartbeat-ping")
        #expect(t.admission.admitted == [.heartbeatPing: 1], "only what was let through is counted by name")
    }

    @Test func whoSendsTooMuchIsRefusedAndThenGivenUp() {
        var t = AdmissionTranscript(.kiosk, messagesPerSecond: 2)
        let first = (0..<3).map { _ in t.send("heartbeat-ping") }
        #expect(first == ["heartbeat-ping", "heartbeat-ping", "throttled"])
        #expect(t.send("no-such-event") == "throttled", "also what nobody knows counts")
        #expect(
            t.send("ice-candidate", ["targetId": "M1", "candidate": nil]) == "ice-candidate",
            "candidates have their own")
        for _ in 0..<38 { #expect(t.send("heartbeat-ping") == "throttled") }
        #expect(t.send("heartbeat-ping") == "hopeless")
        t.now += .seconds(1)
        #expect(t.send("heartbeat-ping") == "heartbeat-ping")
    }

    @Test func anAccountCausesOnlySoManyLinesInTheRecords() {
        var t = AdmissionTranscript(.monitor, messagesPerSecond: 1000)
        for _ in 0..<EventAdmission.writingBurst { #expect(t.send("start-monitoring", start) == "start-monitoring") }
        #expect(t.send("start-monitoring", start) == "throttled")
        #expect(t.send("stop-monitoring", start) == "stop-monitoring", "it leaves none of its own")
        t.now += .seconds(2)
        #expect(t.send("start-monitoring", start) == "start-monitoring")
        #expect(t.send("start-monitoring", start) == "throttled")
    }

    @Test func anEventOfNobodyIsCounted() {
        let t = HubTranscript()
        #expect(t.send(77, "heartbeat-ping").isEmpty)
        #expect(t.hub.metrics.ignoredEvents == 1)
        t.everybodyComes()
        _ = t.lose(5)
        #expect(t.send(5, "heartbeat-ping").isEmpty)
        #expect(t.hub.metrics.ignoredEvents == 2 && t.hub.metrics.events[.heartbeatPing] == nil)
    }
}

@Suite struct AudiencesTests {
    @Test func monitorsHearInTheOrderOfTheirSockets() {
        var audiences = Audiences()
        for number in [3, 1, 2, 3, 1] as [UInt64] { audiences.joined(socket(number), "west") }
        audiences.joined(socket(9), "east")
        #expect(audiences.monitors(of: "west") == [socket(1), socket(2), socket(3)])
        audiences.left(socket(2), "west")
        audiences.left(socket(9), "west")
        #expect(audiences.monitors(of: "west") == [socket(1), socket(3)])
        #expect(audiences.monitors(of: "east") == [socket(9)])
        audiences.left(socket(9), "east")
        #expect(audiences.monitors(of: "east").isEmpty)
    }
}

@Suite struct LastSeenTests {
    @Test func theRecordsLearnItEveryThirtySeconds() {
        var seen = LastSeen()
        #expect(seen.takeDue(now: start.instant).isEmpty)
        seen.saw("K1", at: start.wall)
        seen.saw("K1", at: after(.seconds(1)).wall)
        #expect(seen.takeDue(now: after(.seconds(29)).instant).isEmpty)
        #expect(seen.nextTimeout == after(.seconds(30)).instant)
        #expect(seen.takeDue(now: seen.nextTimeout).map(\.at) == [after(.seconds(1)).wall], "once, and the latest")
        #expect(seen.take().isEmpty)
        #expect(seen["K1"] == after(.seconds(1)).wall)
    }
}
