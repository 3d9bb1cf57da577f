import Primitives
import STUN
import TestSupport

/// A STUN server: it says what it sees.
final class STUNServerNode: SimulatedNode {
    let address: SocketAddress
    private var outbox: [Datagram] = []
    private(set) var requests = 0

    init(_ address: SocketAddress) { self.address = address }

    func receive(_ datagram: Datagram, now: Instant) {
        guard datagram.destination == address, let message = try? STUNMessage(datagram.bytes.span),
            message.type == .bindingRequest
        else { return }
        requests += 1
        let id = message.transactionID
        let bytes = [UInt8].written { writer in
            let response = STUNMessageWriter(.bindingSuccess, id, into: &writer)
            response.write(.xorMappedAddress, xor: datagram.source, into: &writer)
        }
        outbox.append(Datagram(source: address, destination: datagram.source, bytes: bytes ?? []))
    }

    func handleTimeout(now: Instant) {}
    func pollTransmit(now: Instant) -> Datagram? { outbox.isEmpty ? nil : outbox.removeFirst() }
    var nextTimeout: Wake? { nil }
}
