import Primitives
import STUN

/// The responses to the peer's requests, until they are sent.
struct CheckResponses: Sendable {
    private enum Kind: Sendable {
        case success(mapped: SocketAddress)
        case error(ErrorCode, unknown: [AttributeType])
    }

    private struct Response: Sendable {
        let id: TransactionID
        let kind: Kind
        let base: SocketAddress
        let destination: SocketAddress
        /// What signs it; an answer to a request that could not be authenticated has none.
        let key: IntegrityKey?
    }

    /// The most responses that wait: a flood of requests must not use up memory, and a peer repeats a request without an
    /// answer.
    private static let limit = 64

    private var waiting: RingBuffer<Response>

    init() { waiting = RingBuffer() }

    var isEmpty: Bool { waiting.isEmpty }

    /// Success: the peer learns what it is seen as.
    mutating func succeed(_ check: PeerCheck, key: IntegrityKey, drops: inout Counter<ICEDrop>) {
        append(
            Response(
                id: check.transaction, kind: .success(mapped: check.remote), base: check.base,
                destination: check.remote,
                key: key), drops: &drops)
    }

    mutating func refuse(
        _ id: TransactionID, _ code: ErrorCode, key: IntegrityKey?, unknown: [AttributeType], base: SocketAddress,
        remote: SocketAddress, drops: inout Counter<ICEDrop>
    ) {
        append(
            Response(id: id, kind: .error(code, unknown: unknown), base: base, destination: remote, key: key),
            drops: &drops)
    }

    private mutating func append(_ response: Response, drops: inout Counter<ICEDrop>) {
        guard waiting.count < CheckResponses.limit else { return drops.add(.responseQueueFull) }
        waiting.append(response)
    }

    mutating func removeAll() { waiting.removeAll() }

    mutating func pollTransmit(into packet: inout PacketBuffer, authenticator: MessageAuthenticator) -> Transmit? {
        guard let response = waiting.popFirst() else { return nil }
        packet.write { writer in
            switch response.kind {
            case .success(let mapped):
                let message = STUNMessageWriter(.bindingSuccess, response.id, into: &writer)
                message.write(.xorMappedAddress, xor: mapped, into: &writer)
                message.finish(key: response.key, using: authenticator, into: &writer)
            case .error(let code, let unknown):
                let message = STUNMessageWriter(.bindingError, response.id, into: &writer)
                message.writeErrorCode(code, into: &writer)
                if !unknown.isEmpty { message.writeUnknownAttributes(unknown, into: &writer) }
                message.finish(key: response.key, using: authenticator, into: &writer)
            }
        }
        return Transmit(source: response.base, destination: response.destination)
    }
}

extension STUNMessageWriter {
    /// Signs the message, where there is a key, and closes it.
    func finish(key: IntegrityKey?, using authenticator: MessageAuthenticator, into writer: inout ByteWriter) {
        if let key { writeMessageIntegrity(key: key, using: authenticator, into: &writer) }
        writeFingerprint(into: &writer)
    }
}
