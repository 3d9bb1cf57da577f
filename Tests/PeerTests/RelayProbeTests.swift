import Peer
import Primitives
import STUN
import TestSupport
import Testing

/// The probe with a server's answers written by hand.
@Suite struct RelayProbeTests {
    private static let server = SocketAddress("198.51.100.1:3478")!
    private static let bases = [SocketAddress("10.1.0.2:1000")!, SocketAddress("10.1.0.2:1001")!]
    private let now = Instant(nanoseconds: 1_000_000_000)

    private func probe(_ transport: TransportProtocol = .udp) -> RelayProbe {
        RelayProbe(
            server: Self.server, transport: transport, username: "u", password: Redacted("p"), bases: Self.bases,
            random: .seeded(1), now: now)
    }

    /// Answers each leg's first question.
    private func answer(
        _ probe: inout RelayProbe, _ type: MessageType, _ body: (Int, STUNMessageWriter, inout ByteWriter) -> Void
    ) throws {
        var packet = PacketBuffer(capacity: 1500)
        var questions: [(leg: Int, id: TransactionID)] = []
        while let sent = probe.pollTransmit(into: &packet, now: now) {
            questions.append((sent.leg, try STUNMessage(packet.bytes).transactionID))
        }
        #expect(questions.map(\.leg) == [0, 1])
        for question in questions where !probe.isFinished {
            let bytes = [UInt8].written { writer in
                let message = STUNMessageWriter(type, question.id, into: &writer)
                body(question.leg, message, &writer)
            }!
            probe.handle(bytes.span, leg: question.leg, now: now)
        }
    }

    private func grant(_ probe: inout RelayProbe, _ relays: [[String]]) throws {
        try answer(&probe, MessageType(.allocate, .successResponse)) { leg, message, writer in
            for relay in relays[leg] {
                message.write(.xorRelayedAddress, xor: SocketAddress(relay)!, into: &writer)
            }
        }
    }

    @Test func aStreamThatIsSentOn() throws {
        var probe = probe(.tcp)
        let next = SocketAddress("198.51.100.9:3478")!
        try answer(&probe, MessageType(.allocate, .errorResponse)) { _, message, writer in
            message.writeErrorCode(.tryAlternate, into: &writer)
            message.write(.alternateServer, plain: next, into: &writer)
        }
        #expect(probe.isFinished)
        #expect(probe.result.failure == .redirected(to: next))
    }

    @Test func bothLegsUseTheFamilyThatBothHave() throws {
        var probe = probe()
        try grant(&probe, [["198.51.100.1:50000", "[2001:db8::1]:50000"], ["[2001:db8::1]:50001"]])
        #expect(!probe.isFinished)
        #expect(probe.result.relayed == SocketAddress("[2001:db8::1]:50000"))
        var packet = PacketBuffer(capacity: 1500)
        var permitted: [SocketAddress?] = []
        while probe.pollTransmit(into: &packet, now: now) != nil {
            permitted.append(try STUNMessage(packet.bytes).xorAddress(of: .xorPeerAddress))
        }
        #expect(permitted.map { $0?.address } == [IPAddress("2001:db8::1"), IPAddress("2001:db8::1")])
    }

    @Test func legsWithoutACommonFamilyEnd() throws {
        var probe = probe()
        try grant(&probe, [["198.51.100.1:50000"], ["[2001:db8::1]:50001"]])
        #expect(probe.isFinished)
        #expect(probe.result.echo == .notPermitted)
    }
}
