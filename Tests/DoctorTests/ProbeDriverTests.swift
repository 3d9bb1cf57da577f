import Peer
import Primitives
import Reactor
import STUN
import Testing

@testable import Doctor

/// The probes over real sockets of this machine: a server that answers, one that is silent, and none.
@Suite struct ProbeDriverTests {
    private let account = ProbeDriver.Account(username: "u", password: Redacted("p"))

    private func loopback(_ port: UInt16 = 0) -> SocketAddress {
        SocketAddress(address: IPAddress("127.0.0.1")!, port: port)
    }

    private func soon(_ duration: Duration) -> Instant { MonotonicClock.now() + duration }

    /// Runs `body` against a STUN server that says whence it was asked, and nothing when it is silent.
    private func withServer<Value>(isSilent: Bool = false, _ body: (SocketAddress) -> Value) throws -> Value {
        let socket = try UDPSocket(bindingTo: loopback())
        let address = socket.localAddress
        let thread = try WorkerThread(name: "stun", owning: socket) { socket, stop in
            var socket = socket
            let pool = PacketPool(slotCount: 2 * UDPSocket.batchSize)
            while !stop.isRequested {
                Pause.wait(for: stop.wake, atMost: .milliseconds(5))
                guard case .received = socket.receive(from: pool) else { continue }
                while let datagram = socket.nextDatagram() {
                    guard !isSilent, let request = try? STUNMessage(datagram.packet.bytes) else { continue }
                    let id = request.transactionID
                    let source = datagram.source
                    var answer = PacketBuffer(capacity: 1500)
                    answer.write { writer in
                        let message = STUNMessageWriter(.bindingSuccess, id, into: &writer)
                        message.write(.xorMappedAddress, xor: source, into: &writer)
                    }
                    _ = socket.send(answer.bytes, to: source)
                }
            }
        }
        defer { thread.stopAndJoin() }
        return body(address)
    }

    @Test func aServerThatAnswersTellsTheAddress() throws {
        let result = try withServer { ProbeDriver.nat(server: $0, deadline: soon(.seconds(10))) }.get()
        #expect(result.mapped?.address == IPAddress("127.0.0.1")!)
        #expect(result.roundTrip != nil && result.mapping == nil)
    }

    @Test func aSilentServerTellsNothing() throws {
        let result = try withServer(isSilent: true) { ProbeDriver.nat(server: $0, deadline: soon(.milliseconds(300))) }
            .get()
        #expect(result.mapped == nil)
    }

    /// It answers, and not as a relay would.
    @Test func aServerWithoutRelaysGivesNone() throws {
        let result = try withServer {
            ProbeDriver.relayOverUDP($0, account, deadline: soon(.seconds(2)))
        }.get()
        #expect(result.relayed == nil && result.echo == nil)
    }

    @Test func nobodyListens() throws {
        // Bound and closed again: nobody has the port now.
        let port = try TCPListener(on: loopback()).address.port
        let outcome = ProbeDriver.relayOverStream(
            loopback(port), account, encryption: nil, deadline: soon(.seconds(10)))
        guard case .failure(.noConnection(let reason)) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("refused"))
    }

    @Test func aRelayThatDoesNotSpeakGivesNone() throws {
        let listener = try TCPListener(on: loopback())
        let outcome = ProbeDriver.relayOverStream(
            listener.address, account, encryption: nil, deadline: soon(.milliseconds(300)))
        #expect(try outcome.get().relayed == nil)
        _ = consume listener
    }
}
