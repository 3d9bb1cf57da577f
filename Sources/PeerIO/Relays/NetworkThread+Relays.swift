import Peer
import Primitives
import Reactor
import Service

/// STUN and TURN servers of the session, and the TCP and TLS connections to the latter. Each server is on its own: one that
/// cannot be reached is tried again and holds nothing up.
extension NetworkThread {
    /// How long a connection may take, TLS included.
    private static let openingTime = Duration.seconds(10)
    private static let maximumRelays = 6
    private static let maximumRedirections = 3
    private static let longestRetry = Duration.seconds(60)

    mutating func add(_ server: ResolvedICEServer) {
        guard let credentials = server.credentials else {
            return mutate { peer, now in peer.addSTUNServer(server.address, now: now) }
        }
        guard server.transport != .udp else {
            return mutate { peer, now in
                peer.addTURNServer(
                    server.address, username: credentials.username, password: credentials.password, now: now)
            }
        }
        let now = MonotonicClock.now()
        // Known already: the credentials are for the next connection, the one that stands keeps its allocation.
        if let index = relayRetries.firstIndex(where: { $0.server.isSamePlace(as: server) }) {
            relayRetries[index] = RelayRetry(server: server, at: now, failures: 0)
        } else if !relays.contains(where: { $0.server.isSamePlace(as: server) }) {
            connect(to: server, now: now)
        } else {
            session.renewedServers.removeAll { $0.isSamePlace(as: server) }
            session.renewedServers.append(server)
            mutate { peer, now in
                peer.renewRelayCredentials(
                    of: server.address, username: credentials.username, password: credentials.password, now: now)
            }
        }
    }

    private mutating func connect(
        to server: ResolvedICEServer, failures: Int = 0, redirections: Int = 0, now: Instant
    ) {
        guard hasSession, server.transport != .tls || trust != nil else { return }
        guard relays.count < NetworkThread.maximumRelays else {
            return relayRetries.append(RelayRetry(server: server, at: now + RelayRetry.pause, failures: failures))
        }
        do {
            let relay = RelayConnection(
                server, token: makeToken(), tcp: try TCPStream(connectingTo: server.address),
                stream: try RelayStream(
                    serverName: server.host, trust: server.transport == .tls ? trust : nil),
                failures: failures, redirections: redirections, deadline: now + NetworkThread.openingTime)
            try loop.register(relay.tcp.descriptor, token: relay.token, for: relay.interest)
            relays.append(relay)
        } catch {
            NetworkThread.log.repeated(
                .info, "relay",
                "turn server \(Redacted(server.address)) not reachable over \(server.transport): \(error)")
            retry(server, failures: failures + 1, now: now)
        }
    }

    /// The connection can do something.
    mutating func advance(_ relay: RelayConnection, _ event: EventLoop.Event) {
        if relay.local == nil {
            switch relay.tcp.finishConnect() {
            case .inProgress: return
            case .failed(let error): return lose(relay, "\(error)")
            case .connected:
                guard let local = try? relay.tcp.localAddress() else { return lose(relay, "no local address") }
                relay.local = local
            }
        }
        if event.isReadable || event.isHungUp, !read(relay) { return }
        useIfOpen(relay)
        flush(relay)
        mutate { _, _ in }
    }

    /// False when the connection was lost.
    private mutating func read(_ relay: RelayConnection) -> Bool {
        for _ in 0..<NetworkThread.batchesPerRound {
            let result = relayBuffer.withUnsafeMutableBytes { relay.tcp.receive(into: $0) }
            switch result {
            case .transferred(let count):
                relay.stream.receive(relayBuffer.span.extracting(0..<count))
                useIfOpen(relay)
                takeFrames(of: relay)
            case .wouldBlock: return true
            case .ended:
                lose(relay, "ended by the server")
                return false
            case .failed(let error):
                lose(relay, "\(error)")
                return false
            }
            if case .over(let why) = relay.stream.phase {
                lose(relay, why)
                return false
            }
        }
        return true
    }

    private mutating func takeFrames(of relay: RelayConnection) {
        guard let local = relay.local else { return }
        while hasSession, var packet = pool.take() {
            guard relay.stream.nextFrame(into: &packet) else { return }
            peer!.handle(&packet, from: relay.server.address, local: local, now: MonotonicClock.now())
        }
    }

    /// A stream that has opened is the session's from now on.
    private mutating func useIfOpen(_ relay: RelayConnection) {
        guard !relay.isInUse, relay.stream.phase == .open, let local = relay.local,
            let credentials = relay.server.credentials
        else { return }
        relay.isInUse = true
        relay.deadline = nil
        let server = relay.server
        mutate { peer, now in
            peer.addRelayStream(
                to: server.address, over: server.transport, from: local, username: credentials.username,
                password: credentials.password, now: now)
        }
        finishGatheringIfDone()
    }

    // MARK: Out

    mutating func sendToRelay(_ packet: borrowing PacketBuffer, from source: SocketAddress) {
        guard let relay = relays.first(where: { $0.isInUse && $0.local == source }), relay.stream.send(packet.bytes)
        else {
            session.lostDatagrams += 1
            return
        }
    }

    mutating func flushRelays() {
        for relay in relays where relay.local != nil && relay.stream.hasOutgoing { flush(relay) }
    }

    private mutating func flush(_ relay: RelayConnection) {
        // A connection that fails here is also reported as readable.
        guard relay.write() else { return }
        let interest: EventLoop.Interest = relay.stream.hasOutgoing ? [.readable, .writable] : .readable
        guard interest != relay.interest else { return }
        relay.interest = interest
        do throws(SystemError) {
            try loop.modify(relay.tcp.descriptor, token: relay.token, for: interest)
        } catch {
            NetworkThread.log.repeated(.warning, "watch-failed", "connection cannot be watched: \(error)")
        }
    }

    // MARK: Ends

    private mutating func lose(_ relay: RelayConnection, _ why: String) {
        NetworkThread.log.repeated(
            .info, "relay", "turn server \(Redacted(relay.server.address)) over \(relay.server.transport): \(why)")
        let wasInUse = relay.isInUse
        let server = newest(relay.server)
        close(relay)
        retry(server, failures: wasInUse ? 0 : relay.failures + 1, now: MonotonicClock.now())
        finishGatheringIfDone()
    }

    private func newest(_ server: ResolvedICEServer) -> ResolvedICEServer {
        session.renewedServers.first { $0.isSamePlace(as: server) } ?? server
    }

    private mutating func close(_ relay: RelayConnection) {
        // The session may have ended while this one was being read.
        guard relays.contains(where: { $0 === relay }) else { return }
        relays.removeAll { $0 === relay }
        relay.stream.close()
        _ = relay.write()
        do throws(SystemError) {
            try loop.deregister(relay.tcp.descriptor)
        } catch {
            NetworkThread.log.repeated(.warning, "deregister", "connection not deregistered: \(error)")
        }
        if relay.isInUse, let local = relay.local {
            mutate { peer, now in peer.removeRelayStream(from: local, now: now) }
        }
    }

    mutating func closeRelays() {
        let all = relays
        for relay in all {
            relay.isInUse = false
            close(relay)
        }
        relayRetries = []
    }

    private mutating func retry(_ server: ResolvedICEServer, failures: Int, now: Instant) {
        guard hasSession else { return }
        let pause = min(.seconds(1 << min(failures, 6)), NetworkThread.longestRetry)
        relayRetries.append(RelayRetry(server: server, at: now + pause, failures: failures))
    }

    /// The server refused an allocation or ended it: only another server, or newer credentials, can help.
    mutating func relayFailed(from local: SocketAddress, alternate: SocketAddress?, domain: String?) {
        guard let relay = relays.first(where: { $0.isInUse && $0.local == local }) else { return }
        var server = newest(relay.server)
        let redirections = relay.redirections + 1
        let isRenewed = server != relay.server
        close(relay)
        let now = MonotonicClock.now()
        if let alternate, redirections <= NetworkThread.maximumRedirections {
            server.address = alternate
            // Its certificate is for its own name.
            if let domain { server.host = domain }
            connect(to: server, redirections: redirections, now: now)
        } else {
            NetworkThread.log.repeated(
                .info, "relay", "turn server \(Redacted(server.address)) over \(server.transport) gives no relay")
            retry(server, failures: isRenewed ? 0 : 6, now: now)
        }
    }

    /// Connections from an address that is gone would only time out.
    mutating func reconnectRelays(without usable: [IPAddress], now: Instant) {
        let lost = relays.filter { relay in
            relay.local.map { !$0.address.isLoopback && !usable.contains($0.address) } ?? true
        }
        for relay in lost {
            let server = newest(relay.server)
            close(relay)
            relayRetries.append(RelayRetry(server: server, at: now, failures: 0))
        }
        for index in relayRetries.indices { relayRetries[index].at = now }
        handleRelayTimeouts(now: now)
    }

    // MARK: Time

    var relayTimeout: Instant? {
        var earliest: Instant?
        for relay in relays { earliest = NetworkThread.earlier(earliest, relay.deadline) }
        for retry in relayRetries { earliest = NetworkThread.earlier(earliest, retry.at) }
        return earliest
    }

    mutating func handleRelayTimeouts(now: Instant) {
        for relay in relays where relay.deadline.map({ $0 <= now }) ?? false { lose(relay, "no answer") }
        let room = NetworkThread.maximumRelays - relays.count
        let due = RelayRetry.takeDue(from: &relayRetries, room: room, now: now)
        for one in due { connect(to: newest(one.server), failures: one.failures, now: now) }
    }

    /// All servers are known, and every connection has come into use or failed once: no further candidate will come.
    mutating func finishGatheringIfDone() {
        guard hasSession, session.areServersKnown, !session.hasFinishedGathering,
            relays.allSatisfy({ $0.isInUse || $0.failures > 0 })
        else { return }
        session.hasFinishedGathering = true
        mutate { peer, now in peer.finishLocalAddresses(now: now) }
    }
}

extension ResolvedICEServer {
    /// Whether both are one server, whatever the credentials.
    func isSamePlace(as other: ResolvedICEServer) -> Bool {
        address == other.address && transport == other.transport && host == other.host
    }
}
