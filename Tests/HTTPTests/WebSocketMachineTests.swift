import HTTP
import Primitives
import Testing

@Suite struct WebSocketMachineTests {
    typealias Event = WebSocketMachine.Event

    private func machine(_ role: WebSocketMachine.Role, limit: Int = 1000) -> WebSocketMachine {
        WebSocketMachine(role, maximumMessageSize: limit, random: .seeded(7))
    }

    private func events(_ machine: inout WebSocketMachine) -> [Event] {
        var found: [Event] = []
        while let event = machine.nextEvent() { found.append(event) }
        return found
    }

    @Test(arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 100_000]) func bothDirectionsCarryEveryLength(count: Int) {
        var client = machine(.client, limit: 200_000)
        var server = machine(.server, limit: 200_000)
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var wire: [UInt8] = []
        client.encode(.binary(payload), into: &wire)
        server.receive(wire)
        #expect(events(&server) == [.message(.binary(payload))])
        wire = []
        server.encode(.binary(payload), into: &wire)
        for byte in wire { client.receive([byte]) }
        #expect(events(&client) == [.message(.binary(payload))])
    }

    /// RFC 6455 section 5.7: the examples of a single-frame unmasked text, a masked one, and one in two fragments.
    @Test func examplesOfTheSpecification() {
        var client = machine(.client)
        client.receive([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        client.receive([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F])
        #expect(events(&client) == [.message(.text(Array("Hello".utf8))), .message(.text(Array("Hello".utf8)))])
        var server = machine(.server)
        server.receive([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
        #expect(events(&server) == [.message(.text(Array("Hello".utf8)))])
        client.receive([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        var pong: [UInt8] = []
        client.takeOutgoing(into: &pong)
        #expect(pong.count == 11 && pong[0] == 0x8A && pong[1] == 0x85)
    }

    @Test(
        arguments: [
            ([0xC1, 0x00], 1002), ([0x83, 0x00], 1002), ([0x8B, 0x00], 1002), ([0x81, 0x80, 0, 0, 0, 0], 1002),
            ([0x09, 0x00], 1002), ([0x89, 0x7E, 0x00, 0x7E], 1002), ([0x80, 0x00], 1002),
            ([0x01, 0x00, 0x81, 0x00], 1002),
            ([0x82, 0x7E, 0x00, 0x7D], 1002), ([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 1002),
            ([0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002), ([0x82, 0x7E, 0x03, 0xE9], 1009),
            ([0x82, 0x7F, 0, 0, 0, 1, 0, 0, 0, 0], 1009), ([0x81, 0x01, 0xFF], 1007), ([0x81, 0x02, 0xC0, 0x80], 1007),
            ([0x81, 0x03, 0xED, 0xA0, 0x80], 1007), ([0x81, 0x01, 0xC3], 1007), ([0x88, 0x01, 0x03], 1002),
            ([0x88, 0x02, 0x03, 0xED], 1002), ([0x88, 0x02, 0x00, 0x00], 1002), ([0x88, 0x03, 0x03, 0xE8, 0xFF], 1007),
        ] as [([UInt8], UInt16)])
    func violationsEndItWithTheirCode(bytes: [UInt8], code: UInt16) {
        var client = machine(.client)
        client.receive(bytes + [0x81, 0x01, 0x61])
        #expect(events(&client) == [.closed(WebSocketCloseCode(rawValue: code))], "nothing is read behind it")
        var own: [UInt8] = []
        client.takeOutgoing(into: &own)
        #expect(own.first == 0x88)
        #expect(!client.isOpen)
    }

    @Test func aMessageOfManyFragmentsHasTheSameLimit() {
        var client = machine(.client, limit: 10)
        client.receive([0x01, 0x06] + Array("abcdef".utf8))
        #expect(events(&client).isEmpty && client.heldBytes == 6)
        client.receive([0x80, 0x05] + Array("ghijk".utf8))
        #expect(events(&client) == [.closed(.messageTooBig)] && client.heldBytes == 0)
    }

    @Test func aControlFrameMayStandBetweenFragments() {
        var client = machine(.client)
        client.receive([0x01, 0x01, 0x61, 0x89, 0x00, 0x80, 0x01, 0x62])
        #expect(events(&client) == [.message(.text(Array("ab".utf8)))])
    }

    @Test func closingIsAnswered() {
        var client = machine(.client)
        var server = machine(.server)
        client.close(.goingAway)
        var wire: [UInt8] = []
        client.takeOutgoing(into: &wire)
        server.receive(wire)
        #expect(events(&server) == [.closed(.goingAway)])
        wire = []
        server.takeOutgoing(into: &wire)
        client.receive(wire)
        #expect(events(&client) == [.closed(.goingAway)])
    }

    @Test func aFloodOfPingsHoldsNothing() {
        var client = machine(.client)
        for _ in 0..<10_000 { client.receive([0x89, 0x04, 1, 2, 3, 4]) }
        var own: [UInt8] = []
        client.takeOutgoing(into: &own)
        #expect(own.count < 1100 && client.isOpen)
    }
}
