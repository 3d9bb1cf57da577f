import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

@Suite struct OutboxTests {
    private let other = NodeID(rawValue: "B")

    private func reply(_ address: Address, _ id: Int? = 1) -> PendingReply {
        PendingReply(
            address: address, event: "start-monitoring", acknowledgement: id.map { AcknowledgementID(rawValue: $0) })
    }

    private func lines(_ outbox: inout Outbox) -> [String] { outbox.take().compactMap(HubTranscript.line) }

    @Test func anAddressElsewhereIsAMessageToItsNode() {
        var outbox = Outbox()
        outbox.deliver(.event(.heartbeatPong(serverTime: "")), to: address(5))
        outbox.deliver(.event(.heartbeatPong(serverTime: "")), to: .node(other, socket(5)))
        outbox.answer(reply(.node(other, socket(1))), .ok)
        outbox.answer(reply(address(1)), .ok)
        outbox.answer(reply(address(1), nil), .ok)
        #expect(lines(&outbox) == ["5 ← heartbeat-pong", "B ← message", "B ← message", "1 ok"])
        #expect(outbox.take().isEmpty)
    }

    @Test func aRefusalReachesAlsoWhoAskedForNoAcknowledgement() {
        var outbox = Outbox()
        outbox.refuse(reply(address(1)), Refusal(.kioskOffline, "m"))
        outbox.refuse(reply(address(1), nil), Refusal(.kioskOffline, "m"))
        #expect(lines(&outbox) == ["1 kiosk-offline", "1 ← error kiosk-offline start-monitoring"])
    }

    @Test func nobodyHearsOfASessionBeforeItIsRecorded() {
        var outbox = Outbox()
        outbox.began("S1")
        #expect(outbox.isUnrecorded("S1"))
        outbox.acknowledgeStart(of: "S1", reply(address(1)))
        outbox.say(.event(.restartRequest(fromId: "K1", sessionId: "S1")), to: address(1), of: "S1")
        outbox.say(.event(.restartRequest(fromId: "K1", sessionId: "S2")), to: address(2), of: "S2")
        outbox.say(.event(.heartbeatPong(serverTime: "")), to: address(5), of: nil)
        #expect(lines(&outbox) == ["2 ← restart-request", "5 ← heartbeat-pong"])
        outbox.recorded("S1")
        #expect(lines(&outbox) == ["1 ok", "1 ← restart-request"])
        outbox.say(.event(.restartRequest(fromId: "K1", sessionId: "S1")), to: address(1), of: "S1")
        #expect(lines(&outbox) == ["1 ← restart-request"])
        #expect(!outbox.isUnrecorded("S1"))
        outbox.recorded("S1")
        #expect(outbox.take().isEmpty, "once")
    }

    @Test func ofASessionThatIsNotRecordedOnlyThoseHearWhoAskedForIt() {
        var outbox = Outbox()
        outbox.began("S1")
        let asked = [reply(address(1)), reply(address(1), nil)]
        for reply in asked { outbox.acknowledgeStart(of: "S1", reply) }
        outbox.say(.event(.restartRequest(fromId: "K1", sessionId: "S1")), to: address(1), of: "S1")
        #expect(outbox.notRecorded("S1") == asked)
        #expect(outbox.take().isEmpty)
        #expect(outbox.notRecorded("S1").isEmpty)
    }
}
