public import Primitives
import STUN

/// Finds out what stands between this machine and the world: the address others see, and how a NAT on the way maps
/// and filters (RFC 5780 section 4), as far as the server helps. A plain STUN server tells the address only.
///
///     mapping socket    ─▶ server                     the mapped address, OTHER-ADDRESS
///                       ─▶ other address, same port   another mapping? depends on the address
///                       ─▶ other address, other port  another mapping? depends on the port
///     filtering socket  ─▶ server, CHANGE-REQUEST     which sources get through: any, the same address, the same port
///
/// The filtering socket never sends to the other address: that alone would open the NAT for it. All questions are asked
/// at once, each four times at most, so that the answer is there after 3.75 s, and after 7.5 s at the latest.
public struct NATProbe: Sendable {
    /// Which of the driver's two sockets.
    public enum Socket: Int, Sendable, CaseIterable { case mapping, filtering }

    /// What mappings or filters depend on (RFC 4787 sections 4.1 and 5).
    public enum Behaviour: String, Sendable, Hashable {
        case endpointIndependent = "endpoint-independent"
        case addressDependent = "address-dependent"
        case addressAndPortDependent = "address-and-port-dependent"
    }

    /// What was found out; nil is unknown.
    public struct Result: Hashable, Sendable {
        /// What the server saw; nil when it did not answer: no UDP, or no server.
        public var mapped: SocketAddress?
        /// To the server's first answer.
        public var roundTrip: Duration?
        /// The server's second address; nil when it has none and the rest stays unknown.
        public var other: SocketAddress?
        /// What the mapping depends on (RFC 4787 section 4.1); nil without a second server address.
        public var mapping: Behaviour?
        /// What the filter depends on (RFC 4787 section 5); nil without a second server address.
        public var filtering: Behaviour?
        /// What the server called itself.
        public var software: String?

        /// Nothing known.
        public init() {}
    }

    private enum Question: Int, CaseIterable {
        case address, otherAddress, otherPort, filteringAddress, changeBoth, changePort

        var socket: Socket {
            switch self {
            case .address, .otherAddress, .otherPort: .mapping
            case .filteringAddress, .changeBoth, .changePort: .filtering
            }
        }

        /// CHANGE-REQUEST's flags (RFC 5780 section 7.2): 4 another address, 2 another port.
        var change: UInt32? {
            switch self {
            case .changeBoth: 6
            case .changePort: 2
            case .address, .otherAddress, .otherPort, .filteringAddress: nil
            }
        }
    }

    private struct Request {
        var question: Question
        var id: TransactionID
        var destination: SocketAddress
        var transmissions: Int
        var sentAt: Instant
        var nextAt: Instant
    }

    private let server: SocketAddress
    private var random: RandomSource
    private var requests: [Request]
    private var answers: [Question: SocketAddress]
    private var result: Result
    /// Whether there is nothing left to ask.
    public private(set) var isFinished: Bool

    private static let transmissions = 4
    private static let interval = Duration.milliseconds(250)

    /// Asks the server for the mapped address; its answer decides what else is asked.
    public init(server: SocketAddress, random: RandomSource, now: Instant) {
        self.server = server
        self.random = random
        requests = []
        answers = [:]
        result = Result()
        isFinished = false
        ask(.address, server, now: now)
    }

    /// What is known so far; complete when finished.
    public var findings: Result {
        var findings = result
        guard result.other != nil, let first = answers[.address] else { return findings }
        if let second = answers[.otherAddress] {
            if second == first {
                // A mapping that is the same for two addresses is taken to be the same for all (section 4.3).
                findings.mapping = .endpointIndependent
            } else if let third = answers[.otherPort] {
                findings.mapping = third == second ? .addressDependent : .addressAndPortDependent
            }
        }
        // Silence means something only where the same socket gets answers at all.
        if answers[.changeBoth] != nil {
            findings.filtering = .endpointIndependent
        } else if isFinished, answers[.filteringAddress] != nil {
            findings.filtering = answers[.changePort] != nil ? .addressDependent : .addressAndPortDependent
        }
        return findings
    }

    /// A datagram that one of the two sockets received. What answers none of our requests is ignored.
    public mutating func handle(_ bytes: Span<UInt8>, now: Instant) {
        guard let message = try? STUNMessage(bytes),
            let index = requests.firstIndex(where: { $0.id == message.transactionID })
        else { return }
        let request = requests.remove(at: index)
        defer { if requests.isEmpty { isFinished = true } }
        guard message.type == .bindingSuccess,
            let mapped = message.xorAddress(of: .xorMappedAddress) ?? message.address(of: .mappedAddress)
        else { return }
        answers[request.question] = mapped
        guard request.question == .address else { return }
        result.mapped = mapped
        if request.transmissions == 1 { result.roundTrip = now - request.sentAt }
        result.software = message.text(of: .software, limit: 128)
        guard let other = message.address(of: .otherAddress), other.address != server.address,
            other.address.isIPv4 == server.address.isIPv4, !other.address.isUnspecified
        else { return }
        result.other = other
        ask(.otherAddress, SocketAddress(address: other.address, port: server.port), now: now)
        ask(.otherPort, other, now: now)
        for question in [Question.filteringAddress, .changeBoth, .changePort] { ask(question, server, now: now) }
    }

    /// Gives up questions that were asked four times without an answer. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        requests.removeAll { $0.nextAt <= now && $0.transmissions == NATProbe.transmissions }
        if requests.isEmpty { isFinished = true }
    }

    /// Writes the next request that is due; nil when there is none.
    public mutating func pollTransmit(
        into packet: inout PacketBuffer, now: Instant
    ) -> (socket: Socket, destination: SocketAddress)? {
        guard
            let index = requests.firstIndex(where: { $0.nextAt <= now && $0.transmissions < NATProbe.transmissions })
        else { return nil }
        requests[index].transmissions += 1
        requests[index].sentAt = now
        requests[index].nextAt = now + NATProbe.interval * (1 << (requests[index].transmissions - 1))
        let request = requests[index]
        packet.removeAll()
        packet.write { writer in
            let message = STUNMessageWriter(.bindingRequest, request.id, into: &writer)
            if let change = request.question.change { message.write(.changeRequest, change, into: &writer) }
            message.writeFingerprint(into: &writer)
        }
        return (request.question.socket, request.destination)
    }

    /// When `handleTimeout` and `pollTransmit` are due; nil when there is nothing left to ask.
    public var nextTimeout: Instant? { requests.map(\.nextAt).min() }

    private mutating func ask(_ question: Question, _ destination: SocketAddress, now: Instant) {
        requests.append(
            Request(
                question: question, id: .random(using: &random), destination: destination, transmissions: 0,
                sentAt: now, nextAt: now))
    }
}
