import JSON
import Primitives
import Testing

@testable import SocketIO

/// The private machines of both servers, each for itself.
@Suite struct ServerPartsTests {
    private func connection(_ number: UInt64) -> ConnectionID { ConnectionID(rawValue: number) }
    private func request(_ number: UInt64) -> RequestID { RequestID(rawValue: number) }
    private let address = IPAddress("192.0.2.1")!

    @Test func aSessionIsFoundByAllItsNamesAndByNoneAfterwards() throws {
        var sessions = EngineIOSessions()
        let slot = sessions.insert("first", .polling(nil), address: nil, now: .zero)
        let id = try #require(sessions.slots[slot]?.id)
        sessions.wait(slot, request(1))
        sessions.expectPost(slot, request(2))
        sessions.beginProbe(slot, connection(3))
        #expect(sessions.slot(named: "first") == slot && sessions.slot(of: id) == slot)
        #expect(sessions.slot(of: connection(3)) == slot)
        _ = sessions.remove(slot)
        #expect(sessions.count == 0 && sessions.slot(named: "first") == nil && sessions.slot(of: connection(3)) == nil)
        #expect(sessions.lost(request(1)) == nil)
        #expect(sessions.lost(request(2)) == nil)
        // The slot is used again, under another id.
        #expect(sessions.insert("second", .webSocket(connection(4)), address: nil, now: .zero) == slot)
        #expect(sessions.slot(of: id) == nil && sessions.slot(of: connection(4)) == slot)
    }

    @Test func aProbeTakesOverOrDoesNot() {
        var sessions = EngineIOSessions()
        let slot = sessions.insert("sid", .polling(nil), address: nil, now: .zero)
        sessions.beginProbe(slot, connection(1))
        sessions.endProbe(slot)
        #expect(sessions.slot(of: connection(1)) == nil)
        sessions.endProbe(slot)
        sessions.beginProbe(slot, connection(2))
        sessions.slots[slot]!.backlog = ["4one", "4two"]
        #expect(sessions.upgrade(slot, to: connection(2)) == ["4one", "4two"])
        #expect(sessions.slots[slot]!.backlog.isEmpty && sessions.slots[slot]!.probe == nil)
        #expect(sessions.takePoll(slot) == nil)
        #expect(sessions.lost(connection(2)) == slot)
    }

    @Test func deadlinesFallDueInTheirOrder() {
        var sessions = EngineIOSessions()
        let slot = sessions.insert("sid", .polling(nil), address: nil, now: .zero)
        let id = sessions.slots[slot]!.id
        var deadlines = EngineIODeadlines()
        #expect(deadlines.next == nil)
        deadlines.set(.ping, at: .zero + .seconds(25), id, epoch: 1)
        deadlines.set(.upgrade, at: .zero + .seconds(10), id, epoch: 1)
        deadlines.set(.ping, at: .zero + .seconds(26), id, epoch: 2)
        #expect(deadlines.next == .zero + .seconds(10))
        #expect(deadlines.take(.ping, now: .zero + .seconds(24)) == nil)
        #expect(deadlines.take(.upgrade, now: .zero + .seconds(24))?.epoch == 1)
        let pings = (0..<3).map { _ in deadlines.take(.ping, now: .zero + .seconds(30))?.epoch }
        #expect(pings == [1, 2, nil])
        #expect(deadlines.next == nil)
    }

    @Test func anAddressHasOnlySoManySessionsAndHandshakes() {
        var configuration = SocketIOServerConfiguration()
        configuration.maximumSessionsPerAddress = 2
        configuration.handshakesPerSecondPerAddress = 1
        var admission = EngineIOAdmission(configuration)
        for _ in 0..<2 {
            #expect(admission.admits(address, now: .zero) == true)
            admission.opened(address)
        }
        #expect(admission.admits(address, now: .zero) == false)
        #expect(admission.admits(nil, now: .zero) == true)
        admission.closed(address)
        // Ten handshakes at once, of which two are taken.
        let more = (0..<9).map { _ in admission.admits(address, now: .zero) }
        #expect(more == Array(repeating: true, count: 8) + [false])
        #expect(admission.admits(address, now: .zero + .seconds(1)) == true)
    }

    @Test func connectsInVainAreCountedByClientAndAddress() {
        let sessions = (0..<4).map { EngineIOServer.SessionID(slot: $0, generation: 1) }
        var vain = VainConnects(perSecondPerAddress: 3)
        let first = (0..<3).map { _ in vain.take(sessions[0], at: address, now: .zero) }
        #expect(first == [true, true, false])
        #expect(vain.take(sessions[1], at: address, now: .zero) == true)
        #expect(vain.take(sessions[2], at: address, now: .zero) == false, "three of its address")
        #expect(vain.take(sessions[3], at: nil, now: .zero) == true)
        vain.accepted(sessions[0], at: address, now: .zero)
        #expect(vain.take(sessions[0], at: address, now: .zero) == true, "an accepted one was not in vain")
    }

    @Test func aLostSocketIsTakenOverOnceAndInItsTime() throws {
        var recovery = RecoveryState(window: .seconds(10), bufferSize: 10_000)
        var clients = ConnectedClients()
        let session = EngineIOServer.SessionID(slot: 0, generation: 1)
        clients.insert(
            ConnectedClients.Client(
                session: session, handshake: EngineIOHandshake(query: []),
                decoder: SocketIODecoder(maximumAttachments: 1, maximumDepth: 9, maximumNodes: 9, maximumBytes: 99),
                sockets: [], vainConnects: 0))
        var socket = clients.connect(0, namespace: "/", sid: "old", recovers: nil)
        #expect(recovery.takeOver(&socket) == nil)
        #expect(recovery.write("none", [], namespace: "/", into: &socket.log, now: .zero) == nil, "there is no log yet")
        socket.log = RecoveryLog(pid: "pid")
        for name in ["one", "two"] {
            #expect(recovery.write(name, [], namespace: "/", into: &socket.log, now: .zero)?.count == 1)
        }
        recovery.lost(socket, now: .zero)
        recovery.keep("three", [], for: socket.id, now: .zero + .seconds(1))
        #expect(recovery.nextTimeout == .zero + .seconds(10) && recovery.holdings.map(\.holder) == [.lost(socket.id)])

        func wish(_ offset: JSONValue, _ namespace: String = "/") -> SocketIOPacket {
            SocketIOPacket(.connect, namespace: namespace, payload: ["pid": "pid", "offset": offset])
        }
        #expect(recovery.recoverable(wish("9")) == nil)
        #expect(recovery.recoverable(wish("1", "/admin")) == nil)
        var expired = recovery
        #expect(recovery.recoverable(wish("1")) == socket.id)
        #expect(recovery.sid(of: socket.id) == "old")
        var back = clients.connect(0, namespace: "/", sid: "new", recovers: socket.id)
        #expect(recovery.takeOver(&back) == ["42[\"two\",\"2\"]", "42[\"three\",\"3\"]"])
        #expect(back.sid == "old" && recovery.holdings.isEmpty)
        #expect(recovery.recoverable(wish("1")) == nil)

        expired.handleTimeout(now: .zero + .seconds(10))
        #expect(expired.recoverable(wish("1")) == nil)
        #expect(expired.nextTimeout == nil)
    }
}
