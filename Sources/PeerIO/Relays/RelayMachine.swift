import Primitives

// Which TURN servers a session is connected to over TCP and TLS: who is dialled, tried again, redirected, and with which credentials.
// No socket, no clock: `RelayConnections` performs the actions and tells what happened.
//
//                        room for it                  the stream is open
//   a server ──▶ waiting ───────────▶ connecting ──────────────────────▶ in use
//                   ▲  ▲                  │                                │  │ 300 Try Alternate: connecting, to the other address
//                   │  └── no connection ─┘                                │  └───────────────────────────────────────▶
//                   └──────── lost; refused: only newer credentials, or a minute, can help; address gone
//
//   in    add, allServersKnown, connected, opened, lost, refused, addressesChanged, handleTimeout
//   out   pollAction: dial and hang up for the sockets, the rest for the session
//
// A server is one place: address, transport and name. What signaling says of a known place renews its credentials: a connection that
// stands keeps its allocation and refreshes it with the new ones, a server that waits is dialled at once. Servers over UDP have no
// connection and go straight to the session.

/// Decides about the connections to TURN servers of one session.
struct RelayMachine: Sendable {
    /// A server's place in the list; the connection to it carries the same.
    struct ID: Hashable, Sendable {
        fileprivate var rawValue: Int
    }

    /// What is to be done, in order.
    enum Action: Equatable, Sendable {
        /// Connect; then `connected` and `opened`, or `lost`.
        case dial(ID, ResolvedICEServer)
        /// Close the connection, which nothing more is told of.
        case hangUp(ID, HangUpReason)
        /// Tell the session.
        case session(SessionOrder)
    }

    /// Why a connection is closed, for the log.
    enum HangUpReason: Equatable, Sendable {
        /// It ended by itself, as `lost` told.
        case lost
        /// It did not open in time.
        case noAnswer
        /// The server gives no relay.
        case noRelay
        /// The server names another.
        case redirected
        /// The address that it was made from is gone.
        case addressGone
    }

    /// What the session learns of its servers.
    enum SessionOrder: Equatable, Sendable {
        case addSTUNServer(SocketAddress)
        case addTURNServer(SocketAddress, ResolvedICEServer.Credentials)
        case addStream(to: SocketAddress, over: TransportProtocol, from: SocketAddress, ResolvedICEServer.Credentials)
        case renewCredentials(of: SocketAddress, ResolvedICEServer.Credentials)
        case removeStream(from: SocketAddress)
        /// No further candidate will come.
        case finishGathering
    }

    private enum Phase {
        /// → connecting
        case waiting(until: Instant, failures: Int)
        /// → inUse, waiting
        case connecting(Attempt)
        /// → connecting (redirected), waiting
        case inUse(local: SocketAddress, redirections: Int)
    }

    private struct Attempt {
        /// When the stream must be open.
        var deadline: Instant
        /// Attempts before it that failed one after another.
        var failures: Int
        /// How often one server has named the next.
        var redirections: Int
        /// Known once TCP is connected.
        var local: SocketAddress?
    }

    private struct Relay {
        let id: ID
        /// As it was dialled last, or will be.
        var server: ResolvedICEServer
        /// Newer than those it was dialled with.
        var renewed: ResolvedICEServer.Credentials?
        var phase: Phase

        var isWaiting: Bool { if case .waiting = phase { true } else { false } }
        /// Nil without a connection, and while it is being made.
        var local: SocketAddress? {
            switch phase {
            case .waiting: nil
            case .connecting(let attempt): attempt.local
            case .inUse(let local, _): local
            }
        }
    }

    /// How long a connection may take, TLS included.
    static let openingTime = Duration.seconds(10)
    /// Connections at once.
    static let maximumConnections = 6
    /// In a row.
    static let maximumRedirections = 3
    /// How long those wait that are due while there is no room for their connection.
    static let roomPause = Duration.seconds(5)
    private static let longestPause = Duration.seconds(60)
    /// Failures after which the pause is the longest.
    private static let mostFailures = 6

    private let canUseTLS: Bool
    private var relays: [Relay]
    private var lastID: Int
    private var actions: RingBuffer<Action>
    private var areServersKnown: Bool
    private var hasFinishedGathering: Bool
    /// What was told of connections that are not, or no longer, what it speaks of.
    private(set) var ignored: Int

    /// - Parameter canUseTLS: whether trusted certificates are there; without any, servers over TLS are left out.
    init(canUseTLS: Bool) {
        self.canUseTLS = canUseTLS
        relays = []
        lastID = 0
        actions = RingBuffer()
        areServersKnown = false
        hasFinishedGathering = false
        ignored = 0
    }

    /// The next thing to do.
    mutating func pollAction() -> Action? { actions.popFirst() }

    /// When `handleTimeout` is due.
    var nextTimeout: Instant? {
        var earliest: Instant?
        for relay in relays {
            switch relay.phase {
            case .waiting(let until, _): earliest = min(earliest ?? until, until)
            case .connecting(let attempt): earliest = min(earliest ?? attempt.deadline, attempt.deadline)
            case .inUse: break
            }
        }
        return earliest
    }

    // MARK: What signaling says

    /// A server of the session's list, or a known one with new credentials.
    mutating func add(_ server: ResolvedICEServer, now: Instant) {
        guard let credentials = server.credentials else { return order(.addSTUNServer(server.address)) }
        guard server.transport != .udp else { return order(.addTURNServer(server.address, credentials)) }
        guard server.transport != .tls || canUseTLS else { return }
        let known = relays.indices.filter { relays[$0].server.isSamePlace(as: server) }
        if let index = known.first(where: { relays[$0].isWaiting }) {
            relays[index].server = server
            relays[index].renewed = nil
            relays[index].phase = .waiting(until: now, failures: 0)
        } else if !known.isEmpty {
            for index in known { relays[index].renewed = credentials }
            order(.renewCredentials(of: server.address, credentials))
        } else {
            lastID += 1
            relays.append(
                Relay(id: ID(rawValue: lastID), server: server, renewed: nil, phase: .waiting(until: now, failures: 0)))
            dial(relays.count - 1, failures: 0, redirections: 0, now: now)
        }
    }

    /// No further server will be added, but for renewed ones.
    mutating func allServersKnown() {
        areServersKnown = true
        finishGatheringIfDone()
    }

    // MARK: What the connections say

    /// TCP is connected, from this address.
    mutating func connected(_ id: ID, from local: SocketAddress) {
        guard let index = relays.firstIndex(where: { $0.id == id }), case .connecting(var attempt) = relays[index].phase
        else { return ignore() }
        attempt.local = local
        relays[index].phase = .connecting(attempt)
    }

    /// Frames can be exchanged: the stream is the session's from now on.
    mutating func opened(_ id: ID) {
        guard let index = relays.firstIndex(where: { $0.id == id }),
            case .connecting(let attempt) = relays[index].phase, let local = attempt.local,
            let credentials = relays[index].server.credentials
        else { return ignore() }
        let server = relays[index].server
        relays[index].phase = .inUse(local: local, redirections: attempt.redirections)
        order(.addStream(to: server.address, over: server.transport, from: local, credentials))
        finishGatheringIfDone()
    }

    /// No connection could be made, or it has ended.
    mutating func lost(_ id: ID, now: Instant) {
        guard let index = relays.firstIndex(where: { $0.id == id }), !relays[index].isWaiting else { return ignore() }
        lose(index, because: .lost, now: now)
    }

    // MARK: What the session says

    /// The server behind the stream from this address gives no relay, or no longer: only another server, newer credentials or time can
    /// help.
    ///
    /// - Parameters:
    ///   - alternate: the server that it names instead (300 Try Alternate, RFC 8656 section 19.1).
    ///   - domain: whom the alternate's certificate is for, where its name is another.
    mutating func refused(from local: SocketAddress, alternate: SocketAddress?, domain: String?, now: Instant) {
        let found = relays.firstIndex {
            if case .inUse(let used, _) = $0.phase { used == local } else { false }
        }
        guard let index = found, case .inUse(_, let before) = relays[index].phase else { return ignore() }
        let isRenewed = relays[index].renewed.map { $0 != relays[index].server.credentials } ?? false
        if let alternate, before < RelayMachine.maximumRedirections {
            hangUp(index, because: .redirected)
            // With what is known now: the place that the credentials were renewed for is left.
            useRenewedCredentials(index)
            relays[index].server.address = alternate
            if let domain { relays[index].server.host = domain }
            dial(index, failures: 0, redirections: before + 1, now: now)
        } else {
            hangUp(index, because: .noRelay)
            wait(index, failures: isRenewed ? 0 : RelayMachine.mostFailures, now: now)
        }
    }

    // MARK: Network and time

    /// Connections from an address that is gone would only time out, and what waits is tried at once.
    mutating func addressesChanged(usable: [IPAddress], now: Instant) {
        for index in relays.indices {
            if !relays[index].isWaiting {
                let isKept = relays[index].local.map { $0.address.isLoopback || usable.contains($0.address) } ?? false
                if isKept { continue }
                hangUp(index, because: .addressGone)
                relays[index].phase = .waiting(until: now, failures: 0)
            } else if case .waiting(_, let failures) = relays[index].phase {
                relays[index].phase = .waiting(until: now, failures: failures)
            }
        }
        handleTimeout(now: now)
    }

    /// Gives up what did not open in time, and dials what is due.
    mutating func handleTimeout(now: Instant) {
        for index in relays.indices {
            if case .connecting(let attempt) = relays[index].phase, attempt.deadline <= now {
                lose(index, because: .noAnswer, now: now)
            }
        }
        for index in relays.indices {
            guard case .waiting(let until, let failures) = relays[index].phase, until <= now else { continue }
            dial(index, failures: failures, redirections: 0, now: now)
        }
    }

    // MARK: Below

    private mutating func ignore() { ignored += 1 }

    private mutating func order(_ order: SessionOrder) { actions.append(.session(order)) }

    private mutating func dial(_ index: Int, failures: Int, redirections: Int, now: Instant) {
        guard relays.count(where: { !$0.isWaiting }) < RelayMachine.maximumConnections else {
            relays[index].phase = .waiting(until: now + RelayMachine.roomPause, failures: failures)
            return
        }
        useRenewedCredentials(index)
        relays[index].phase = .connecting(
            Attempt(
                deadline: now + RelayMachine.openingTime, failures: failures, redirections: redirections, local: nil))
        actions.append(.dial(relays[index].id, relays[index].server))
    }

    private mutating func useRenewedCredentials(_ index: Int) {
        if let renewed = relays[index].renewed { relays[index].server.credentials = renewed }
        relays[index].renewed = nil
    }

    private mutating func lose(_ index: Int, because reason: HangUpReason, now: Instant) {
        var failures = 0
        if case .connecting(let attempt) = relays[index].phase { failures = attempt.failures + 1 }
        hangUp(index, because: reason)
        wait(index, failures: failures, now: now)
        finishGatheringIfDone()
    }

    /// The caller says what phase comes next.
    private mutating func hangUp(_ index: Int, because reason: HangUpReason) {
        actions.append(.hangUp(relays[index].id, reason))
        if case .inUse(let local, _) = relays[index].phase { order(.removeStream(from: local)) }
    }

    private mutating func wait(_ index: Int, failures: Int, now: Instant) {
        let pause = min(.seconds(1 << min(failures, RelayMachine.mostFailures)), RelayMachine.longestPause)
        relays[index].phase = .waiting(until: now + pause, failures: failures)
    }

    /// All servers are known, and every connection has come into use or failed once.
    private mutating func finishGatheringIfDone() {
        guard areServersKnown, !hasFinishedGathering else { return }
        let isDone = relays.allSatisfy { relay in
            switch relay.phase {
            case .waiting, .inUse: true
            case .connecting(let attempt): attempt.failures > 0
            }
        }
        guard isDone else { return }
        hasFinishedGathering = true
        order(.finishGathering)
    }
}

extension ResolvedICEServer {
    /// Whether both are one server, whatever the credentials.
    func isSamePlace(as other: ResolvedICEServer) -> Bool {
        address == other.address && transport == other.transport && host == other.host
    }
}
