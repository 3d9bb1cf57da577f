import ICE
public import Primitives
import STUN

/// Tries a TURN server with real credentials: two allocations, a permission each, and a datagram that goes from one
/// relay to the other and back. Then both are given back.
///
///     leg 0 ─▶ relay 0 ═▶ relay 1 ─▶ leg 1
///     leg 0 ◀─ relay 0 ◀═ relay 1 ◀─ leg 1
///
/// Nothing else has to let anything through: this works behind every NAT, over UDP, TCP and TLS alike. A server that
/// keeps its clients from reaching its own addresses refuses the permission; then the allocation alone was seen to work.
public struct RelayProbe: Sendable {
    /// Why a server gives no relay.
    public enum Failure: Error, Hashable, Sendable {
        /// No answer came.
        case silent
        /// The name and password are not taken.
        case unauthenticated
        /// The server refuses, with this code (RFC 8656 section 19).
        case refused(Int)
        /// The server wants another one to be asked (RFC 8489 section 10).
        case redirected(to: SocketAddress)
        /// The server's answers make no sense.
        case malformed
    }

    /// What became of the datagram between the relays.
    public enum Echo: Hashable, Sendable {
        /// There and back in this time.
        case returned(Duration)
        /// The server does not let clients reach its own relays.
        case notPermitted
        case lost
    }

    /// What was found out; nil is unknown.
    public struct Result: Hashable, Sendable {
        /// The relayed address of leg 0, of the family that both legs have where they share one.
        public var relayed: SocketAddress?
        /// The address that the server saw leg 0 come from.
        public var mapped: SocketAddress?
        /// Until both allocations were granted.
        public var allocated: Duration?
        /// Nil while it is not known, and after a failure.
        public var echo: Echo?
        /// Nil unless the allocation failed.
        public var failure: Failure?

        /// Nothing known.
        public init() {}
    }

    private struct Leg: Sendable {
        var client: TURNClient
        var granted: [SocketAddress]
        /// The one that is used, of the family that both legs have.
        var relayed: SocketAddress?
        var isPermitted: Bool
    }

    private var legs: [Leg]
    private let startedAt: Instant
    private var sends: Int
    private var sentAt: Instant?
    private var nextSendAt: Instant?
    private let payload: [UInt8]
    private var outgoing: RingBuffer<Int>
    private var isClosing: Bool
    /// What is known so far; complete when `isFinished`.
    public private(set) var result: Result

    private static let maximumSends = 12
    private static let sendInterval = Duration.milliseconds(200)

    /// - Parameters:
    ///   - bases: the addresses of the driver's two sockets or streams.
    ///   - transport: how the server is reached.
    public init(
        server: SocketAddress, transport: TransportProtocol, username: String, password: Redacted<String>,
        bases: [SocketAddress], random: RandomSource, now: Instant
    ) {
        precondition(bases.count == 2, "relay probe: needs two sockets")
        var random = random
        let turn = TURNServer(
            address: server, transport: transport,
            credentials: TURNCredentials(username: username, password: password.unredacted))
        legs = bases.map { base in
            Leg(
                client: TURNClient(
                    server: turn, base: base, minimumRTO: .milliseconds(200), authenticator: .openSSL,
                    random: random.split()),
                granted: [], relayed: nil, isPermitted: false)
        }
        payload = Array("echo".utf8) + (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        startedAt = now
        sends = 0
        sentAt = nil
        nextSendAt = nil
        outgoing = RingBuffer(capacity: 4)
        isClosing = false
        result = Result()
        for index in legs.indices { legs[index].client.start(now: now) }
    }

    /// Whether all is known. What `pollTransmit` still has is the farewell.
    public var isFinished: Bool { isClosing }

    /// A datagram, or one frame of the stream, from the server.
    public mutating func handle(_ bytes: Span<UInt8>, leg: Int, now: Instant) {
        switch legs[leg].client.handle(bytes, now: now) {
        case .consumed: break
        case .data(let range, let peer):
            let isOurs =
                range.count == payload.count
                && range.indices.allSatisfy {
                    bytes[$0] == payload[$0 - range.lowerBound]
                }
            if isOurs, legs.contains(where: { $0.relayed == peer }) { arrived(at: leg, now: now) }
        }
        settle(now: now)
    }

    /// Repeats what was lost and gives up what takes too long. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        for index in legs.indices { legs[index].client.handleTimeout(now: now) }
        if let due = nextSendAt, due <= now {
            if sends < RelayProbe.maximumSends {
                send(now: now)
            } else {
                finish(.lost, now: now)
            }
        }
        settle(now: now)
    }

    /// Fills `packet` with what goes to the server next, and says over which leg; nil when there is nothing.
    public mutating func pollTransmit(
        into packet: inout PacketBuffer, now: Instant
    ) -> (leg: Int, destination: SocketAddress)? {
        for index in legs.indices {
            if let transmit = legs[index].client.pollTransmit(into: &packet, now: now) {
                return (index, transmit.destination)
            }
        }
        while let from = outgoing.popFirst() {
            guard !isClosing, let target = legs[1 - from].relayed else { continue }
            packet.removeAll()
            packet.append(payload.span)
            guard legs[from].client.frame(&packet, to: target) else { continue }
            return (from, legs[from].client.server)
        }
        return nil
    }

    /// When `handleTimeout` and `pollTransmit` are due; nil when all is known.
    public var nextTimeout: Instant? {
        guard !isClosing else { return nil }
        let wakes = legs.compactMap { $0.client.nextTimeout?.at } + [nextSendAt].compactMap(\.self)
        return wakes.min()
    }

    private mutating func settle(now: Instant) {
        for index in legs.indices {
            while let event = legs[index].client.pollEvent() { handle(event, leg: index, now: now) }
        }
    }

    private mutating func handle(_ event: TURNEvent, leg: Int, now: Instant) {
        switch event {
        case .allocated(let relayed, let mapped):
            legs[leg].granted = relayed
            if leg == 0 { (result.relayed, result.mapped) = (relayed.first, mapped) }
            guard legs.allSatisfy({ !$0.granted.isEmpty }) else { return }
            result.allocated = now - startedAt
            guard let (first, second) = commonFamily() else { return finish(.notPermitted, now: now) }
            (legs[0].relayed, legs[1].relayed, result.relayed) = (first, second, first)
            legs[0].client.permit(second.address, now: now)
            legs[1].client.permit(first.address, now: now)
        case .permissionGranted:
            legs[leg].isPermitted = true
            if legs.allSatisfy(\.isPermitted), sentAt == nil { send(now: now) }
        case .permissionDenied: finish(.notPermitted, now: now)
        case .channelBound: break
        case .failed(let failure):
            switch failure {
            case .timeout: fail(.silent, now: now)
            case .unauthenticated: fail(.unauthenticated, now: now)
            case .refused(let code): fail(.refused(code.rawValue), now: now)
            case .redirected(let next): fail(.redirected(to: next.address), now: now)
            case .redirectedTooOften, .malformedResponse: fail(.malformed, now: now)
            }
        }
    }

    /// Relays of one family, one of each leg: a relay reaches no other family than its own.
    private func commonFamily() -> (SocketAddress, SocketAddress)? {
        for isIPv4 in [true, false] {
            if let first = legs[0].granted.first(where: { $0.address.isIPv4 == isIPv4 }),
                let second = legs[1].granted.first(where: { $0.address.isIPv4 == isIPv4 })
            {
                return (first, second)
            }
        }
        return nil
    }

    private mutating func send(now: Instant) {
        sends += 1
        sentAt = now
        nextSendAt = now + RelayProbe.sendInterval
        outgoing.append(0)
    }

    private mutating func arrived(at leg: Int, now: Instant) {
        if leg == 1 {
            outgoing.append(1)
        } else if let sentAt {
            finish(.returned(now - sentAt), now: now)
        }
    }

    private mutating func finish(_ echo: Echo, now: Instant) {
        guard !isClosing else { return }
        result.echo = echo
        close(now: now)
    }

    private mutating func fail(_ failure: Failure, now: Instant) {
        guard !isClosing else { return }
        result.failure = failure
        close(now: now)
    }

    private mutating func close(now: Instant) {
        isClosing = true
        nextSendAt = nil
        for index in legs.indices { legs[index].client.close(now: now) }
    }
}
