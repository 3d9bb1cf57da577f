public import Primitives
import STUN

/// A STUN server: it says what it sees.
public final class STUNServerNode: SimulatedNode {
    public let address: SocketAddress
    private var outbox: [Datagram] = []
    public private(set) var requests = 0

    public init(_ address: SocketAddress) { self.address = address }

    public func receive(_ datagram: Datagram, now: Instant) {
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

    public func handleTimeout(now: Instant) {}
    public func pollTransmit(now: Instant) -> Datagram? { outbox.isEmpty ? nil : outbox.removeFirst() }
    public var nextTimeout: Wake? { nil }
}
