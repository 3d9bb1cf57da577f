import Peer
import Primitives
import STUN
import Testing

/// The probe against a server with two addresses behind a translator of each kind.
@Suite struct NATProbeTests {
    private static let server = SocketAddress("198.51.100.1:3478")!
    private static let other = SocketAddress("198.51.100.2:3479")!

    /// What a translator does with one socket's packets.
    struct Translator {
        var mapping: NATProbe.Behaviour?
        var filtering: NATProbe.Behaviour
        private var ports: [String: UInt16] = [:]
        private var sentTo: [Int: Set<String>] = [:]
        private var addressesSentTo: [Int: Set<String>] = [:]

        init(_ mapping: NATProbe.Behaviour?, _ filtering: NATProbe.Behaviour) {
            self.mapping = mapping
            self.filtering = filtering
        }

        mutating func send(_ socket: Int, to destination: SocketAddress) -> SocketAddress {
            sentTo[socket, default: []].insert("\(destination)")
            addressesSentTo[socket, default: []].insert("\(destination.address)")
            let key =
                switch mapping {
                case nil, .endpointIndependent: "\(socket)"
                case .addressDependent: "\(socket) \(destination.address)"
                case .addressAndPortDependent: "\(socket) \(destination)"
                }
            let port = ports[key] ?? UInt16(40_000 + ports.count)
            ports[key] = port
            return SocketAddress(address: mapping == nil ? .v4(0x0A00_0002) : .v4(0xCB00_7105), port: port)
        }

        func lets(_ source: SocketAddress, to socket: Int) -> Bool {
            switch filtering {
            case .endpointIndependent: true
            case .addressDependent: addressesSentTo[socket]?.contains("\(source.address)") ?? false
            case .addressAndPortDependent: sentTo[socket]?.contains("\(source)") ?? false
            }
        }
    }

    private func probe(
        _ translator: Translator, hasOther: Bool = true, isSilent: Bool = false
    ) -> (NATProbe.Result, elapsed: Duration) {
        var translator = translator
        let start = Instant.zero + .seconds(10)
        var now = start
        var probe = NATProbe(server: Self.server, random: .seeded(4), now: now)
        var packet = PacketBuffer(capacity: 1500)
        for _ in 0..<200 where !probe.isFinished {
            while let (socket, destination) = probe.pollTransmit(into: &packet, now: now) {
                let mapped = translator.send(socket.rawValue, to: destination)
                guard !isSilent, let request = try? STUNMessage(packet.bytes) else { continue }
                let change = request.uint32(of: .changeRequest) ?? 0
                #expect(change == 0 || destination == Self.server)
                let source = SocketAddress(
                    address: change & 4 != 0 ? Self.other.address : destination.address,
                    port: change & 2 != 0 ? Self.other.port : destination.port)
                guard translator.lets(source, to: socket.rawValue) else { continue }
                let id = request.transactionID
                var answer = PacketBuffer(capacity: 1500)
                answer.write { writer in
                    let message = STUNMessageWriter(.bindingSuccess, id, into: &writer)
                    message.write(.xorMappedAddress, xor: mapped, into: &writer)
                    if hasOther { message.write(.otherAddress, plain: Self.other, into: &writer) }
                }
                probe.handle(answer.bytes, now: now + .milliseconds(20))
            }
            guard let next = probe.nextTimeout else { break }
            #expect(next > now)
            now = next
            probe.handleTimeout(now: now)
        }
        #expect(probe.isFinished)
        return (probe.findings, now - start)
    }

    @Test(arguments: [NATProbe.Behaviour.endpointIndependent, .addressDependent, .addressAndPortDependent])
    func everyKindOfTranslatorIsToldApart(mapping: NATProbe.Behaviour) {
        for filtering: NATProbe.Behaviour in [.endpointIndependent, .addressDependent, .addressAndPortDependent] {
            let (result, elapsed) = probe(Translator(mapping, filtering))
            #expect(result.mapping == mapping && result.filtering == filtering)
            #expect(result.roundTrip == .milliseconds(20))
            #expect(elapsed <= .milliseconds(7500))
        }
    }

    @Test func withoutASecondAddressTheKindStaysUnknown() {
        let (result, _) = probe(Translator(.endpointIndependent, .addressDependent), hasOther: false)
        #expect(result.mapped != nil && result.other == nil && result.mapping == nil && result.filtering == nil)
    }

    @Test func silenceEndsIt() {
        let (result, elapsed) = probe(Translator(.endpointIndependent, .addressDependent), isSilent: true)
        #expect(result == NATProbe.Result() && elapsed == .milliseconds(3750))
    }

    @Test func nonsenseIsNoAnswer() {
        let now = Instant.zero
        var probe = NATProbe(server: Self.server, random: .seeded(4), now: now)
        var packet = PacketBuffer(capacity: 1500)
        _ = probe.pollTransmit(into: &packet, now: now)
        for bytes in [[], [0], [UInt8](repeating: 0, count: 20), [UInt8](repeating: 255, count: 2000)] {
            probe.handle(bytes.span, now: now)
        }
        #expect(!probe.isFinished && probe.findings == NATProbe.Result())
    }
}
