import Media
import Peer
import Primitives
import Reactor
import Service
import Signaling

// One session on the network thread, with everything that is its own: the peer, its sockets, its relays, what it has of the media.
//
//   NetworkLoop ─▶ PeerSlot ─ mutate { PeerSession } ─▶ drain ─▶ transmit ─▶ HostSockets, NameSockets, RelayConnections
//                     │                                    └──▶ handle(event) ─▶ SessionMedia, relays, sockets, PeerEvent
//                     └──────── the peer is private: `mutate` is the one way to it
//
// `mutate` always drains: all packets and events that a call produced have left when it returns. Where many datagrams or frames come at
// once, each goes to the peer directly, and one `settle` after the last drains for all.
//
//   live ── closed by the peer, failed, or `close` ──▶ over: sockets, its place in the hub and packets are given back, nothing happens any more

/// One peer session and the one way to it.
final class PeerSlot {
    private static let log = Log("network")
    /// Batches taken from one socket before the others get their turn.
    private static let batchesPerRound = 4
    /// Texts of servers that gave no relay, for the log and the monitor.
    private static let maximumTroubles = 4

    /// The session's identifier in signaling.
    let id: String
    /// Whether it has ended, and holds nothing any more.
    private(set) var isOver = false

    /// The memory of its packets, and of no other session's: one whose packets cannot leave takes none from the others.
    let pool: PacketPool
    private let resources: NetworkResources
    private var peer: PeerSession
    private var host: HostSockets
    private var names: NameSockets
    private var relays: RelayConnections
    private var media: SessionMedia
    private var backpressure = Backpressure()
    private var restarts = RestartRequests()
    private var offerArrivedAt: Instant?
    /// From the first connection on.
    private var statistics: StatisticsSchedule?
    private var lostDatagrams = 0
    /// Why TURN servers gave no relay, each once.
    private var relayTroubles: [String] = []

    /// Everything that takes time is done before the offer comes: the certificate, the sockets, the host candidates.
    ///
    /// - Parameters:
    ///   - pool: of this session alone.
    ///   - wall: the time of day at `now`.
    /// - Throws: `PeerError` where no certificate could be made.
    init(
        _ id: String, _ resources: NetworkResources, pool: PacketPool, registry: SocketRegistry, wall: WallClock,
        now: Instant
    ) throws(PeerError) {
        self.id = id
        self.pool = pool
        self.resources = resources
        // What the configuration allows now holds to the session's end.
        let bitrates = PeerBitrates(maximumVideo: resources.hub.control.videoBitrateLimit)
        peer = try PeerSession(
            PeerConfiguration(bitrates: bitrates), wallClock: wall, random: .system, now: now)
        media = SessionMedia(
            resources.hub, resources.lease ?? .session(id), readable: resources.readable, bitrates: bitrates)
        host = HostSockets(resources.interfaces, registry: registry)
        names = NameSockets(registry: registry)
        relays = RelayConnections(trust: resources.trust, registry: registry)
        tally.begin(id)
    }

    /// Opens the sockets.
    func begin(now: Instant) {
        add(host.bind(host.usableAddresses(mayBeLoopback: true), now: now), now: now)
        openNameSockets(now: now)
    }

    private var tally: MediaTally { resources.tally }

    private func post(_ event: PeerEvent) { resources.events.post(event) }

    // MARK: The one way to the session

    private func mutate(now: Instant, _ body: (inout PeerSession) -> Void) {
        guard !isOver else { return }
        body(&peer)
        settle(now: now)
    }

    /// Takes everything out of the session that it has for others.
    func settle(now: Instant) {
        while !isOver {
            transmit(now: now)
            guard let event = peer.pollEvent() else { return }
            handle(event, now: now)
        }
    }

    private func transmit(now: Instant) {
        while true {
            // A full batch that the kernel does not take means: wait for the socket; packets rest in their queues.
            if host.bound.contains(where: { $0.socket.isQueueFull && $0.isBlocked }) {
                return backpressure.hold(now: now)
            }
            guard var packet = pool.take() else {
                flush()
                // Blocked sockets hold the slots; those of all other sockets came back with the flush.
                guard pool.outstanding < pool.slotCount else { return backpressure.hold(now: now) }
                continue
            }
            guard let transmit = peer.pollTransmit(into: &packet, now: now) else { break }
            guard transmit.transport == .udp else {
                if !relays.send(packet, from: transmit.source) { lostDatagrams += 1 }
                continue
            }
            guard let bound = socket(at: transmit.source) else {
                lostDatagrams += 1
                continue
            }
            if bound.socket.isQueueFull { lostDatagrams += bound.flush() }
            guard !bound.socket.isQueueFull else {
                lostDatagrams += 1
                continue
            }
            bound.socket.enqueue(packet, to: transmit.destination)
        }
        backpressure.release()
        flush()
        relays.flush()
    }

    private func socket(at source: SocketAddress) -> BoundSocket? {
        host.bound.first { $0.localAddress == source } ?? names.bound.first { $0.localAddress == source }
    }

    private func flush() {
        for bound in host.bound where bound.socket.queuedCount > 0 { lostDatagrams += bound.flush() }
        for bound in names.bound where bound.socket.queuedCount > 0 { lostDatagrams += bound.flush() }
    }

    // MARK: What sockets say

    /// One of the session's descriptors can be read or written; events of others are ignored.
    func handle(_ event: EventLoop.Event, now: Instant) {
        if let bound = host.bound.first(where: { $0.token == event.token }) {
            if event.isWritable { unblock(bound, now: now) }
            if event.isReadable { receive(on: bound, now: now) }
        } else if let relay = relays.connection(event.token) {
            relays.advance(relay, event, pool: pool, now: now) { packet, source, local in
                peer.handle(&packet, from: source, local: local, now: now)
            }
            tellRelays(now: now)
            settle(now: now)
        } else if let bound = names.bound.first(where: { $0.token == event.token }) {
            if event.isWritable { unblock(bound, now: now) }
            if event.isReadable { receiveNames(on: bound, now: now) }
        }
    }

    private func unblock(_ bound: BoundSocket, now: Instant) {
        guard bound.isBlocked else { return }
        lostDatagrams += bound.flush()
        if !bound.isBlocked { settle(now: now) }
    }

    private func receive(on bound: BoundSocket, now: Instant) {
        let local = bound.localAddress
        for _ in 0..<PeerSlot.batchesPerRound {
            guard case .received = bound.socket.receive(from: pool) else { return }
            while var datagram = bound.socket.nextDatagram() {
                guard !isOver else { continue }
                let source = datagram.source
                peer.handle(&datagram.packet, from: source, local: local, now: now)
            }
            settle(now: now)
        }
    }

    private func receiveNames(on bound: BoundSocket, now: Instant) {
        guard case .received = bound.socket.receive(from: pool) else { return }
        while let datagram = bound.socket.nextDatagram() {
            guard !isOver, names.isOnLink(datagram.source.address) else { continue }
            peer.handleNameResponse(datagram.packet.bytes, from: datagram.source, now: now)
        }
        settle(now: now)
    }

    /// Takes what waits for the monitor in the hub, and sends it.
    func takeFrames(now: Instant) {
        guard !isOver else { return }
        while let frame = media.pop(.audio) { frame.withFrame { peer.send($0, now: now) } }
        while let frame = media.pop(.video) { frame.withFrame { peer.send($0, now: now) } }
        settle(now: now)
    }

    // MARK: What signaling says

    func accept(offer: String, now: Instant) {
        guard !isOver else { return }
        if offerArrivedAt == nil { offerArrivedAt = now }
        do throws(PeerError) {
            let answer = try peer.accept(offer: offer, now: now)
            post(.answer(sessionId: id, sdp: answer))
            media.follow(
                video: peer.videoWishes, codec: peer.videoCodec, audio: peer.audioWishes, bitrate: peer.audioBitrate)
            for refusal in peer.refusals { post(.sessionError(sessionId: id, SessionErrorPayload(refusal))) }
        } catch {
            PeerSlot.log.repeated(.warning, "offer-refused", "offer refused: \(error)")
            post(.sessionError(sessionId: id, SessionErrorPayload(error)))
        }
        settle(now: now)
    }

    func add(_ candidate: CandidatePayload, now: Instant) {
        mutate(now: now) { $0.addRemoteCandidate(candidate.candidate, now: now) }
    }

    func add(_ server: ResolvedICEServer, now: Instant) {
        relays.add(server, now: now)
        tellRelays(now: now)
    }

    func allServersKnown(now: Instant) {
        relays.allServersKnown()
        tellRelays(now: now)
    }

    // MARK: Addresses, names and relays

    private func add(_ addresses: [SocketAddress], now: Instant) {
        for address in addresses { mutate(now: now) { $0.addLocalAddress(address, now: now) } }
    }

    /// Addresses came or went: sockets follow, and the monitor is asked for an offer that restarts ICE. Until it comes, new addresses
    /// are tried with the candidates that are known.
    func interfacesChanged(now: Instant) {
        guard !isOver else { return }
        let usable = host.usableAddresses(mayBeLoopback: false)
        let gone = host.release(exceptOn: usable)
        for address in gone { mutate(now: now) { $0.removeLocalAddress(address, now: now) } }
        guard !isOver else { return }
        let new = host.bind(usable, now: now)
        add(new, now: now)
        guard !isOver else { return }
        relays.addressesChanged(usable: usable.map(\.address), now: now)
        tellRelays(now: now)
        if !names.bound.isEmpty { openNameSockets(now: now) }
        PeerSlot.log.info("addresses changed: \(gone.count) gone, \(new.count) new")
        guard !gone.isEmpty || !new.isEmpty else { return }
        askForRestart(now: now)
    }

    private func askForRestart(now: Instant) {
        guard !isOver, offerArrivedAt != nil else { return }
        restarts.asked(now: now)
        post(.restartRequest(sessionId: id))
    }

    private func openNameSockets(now: Instant) {
        guard !isOver else { return }
        let asking = names.open(on: host.usableAddresses(mayBeLoopback: false))
        mutate(now: now) { $0.setNameSockets(asking, now: now) }
    }

    private func tellRelays(now: Instant) {
        while !isOver, let order = relays.pollOrder(now: now) {
            mutate(now: now) { peer in
                switch order {
                case .addSTUNServer(let server): peer.addSTUNServer(server, now: now)
                case .addTURNServer(let server, let credentials):
                    peer.addTURNServer(
                        server, username: credentials.username, password: credentials.password, now: now)
                case .addStream(let server, let transport, let local, let credentials):
                    peer.addRelayStream(
                        to: server, over: transport, from: local, username: credentials.username,
                        password: credentials.password, now: now)
                case .renewCredentials(let server, let credentials):
                    peer.renewRelayCredentials(
                        of: server, username: credentials.username, password: credentials.password, now: now)
                case .removeStream(let local): peer.removeRelayStream(from: local, now: now)
                case .finishGathering: peer.finishLocalAddresses(now: now)
                }
            }
        }
    }

    // MARK: Time

    /// When `handleTimeout` is due.
    var nextTimeout: Instant? {
        // Asked in every round: an array of them would be an allocation each time.
        Instant.earlier(
            Instant.earlier(backpressure.postpone(peer.nextTimeout)?.at, statistics?.nextTimeout),
            Instant.earlier(host.nextTimeout, relays.nextTimeout))
    }

    func handleTimeout(now: Instant) {
        if let wake = backpressure.postpone(peer.nextTimeout), wake.at <= now {
            backpressure.release()
            mutate(now: now) { $0.handleTimeout(now: now) }
            if !isOver, let next = backpressure.postpone(peer.nextTimeout) {
                precondition(
                    next.at > now, "network thread: a deadline stays in the past and would spin (\(next.reason))")
            }
        }
        if let due = statistics?.nextTimeout, due <= now { reportStatistics(now: now) }
        guard !isOver else { return }
        if let due = host.nextTimeout, due <= now {
            let new = host.rebind(now: now)
            add(new, now: now)
            if !new.isEmpty { askForRestart(now: now) }
        }
        relays.handleTimeout(now: now)
        tellRelays(now: now)
    }

    // MARK: What the session says

    /// For `settle`, and for tests.
    func handle(_ event: PeerSessionEvent, now: Instant) {
        switch event {
        case .localCandidate(let text, let mid, let index):
            post(
                .localCandidate(sessionId: id, CandidatePayload(candidate: text, sdpMid: mid, sdpMLineIndex: index)))
        case .endOfLocalCandidates(let mid, let index):
            post(.localCandidate(sessionId: id, CandidatePayload(candidate: "", sdpMid: mid, sdpMLineIndex: index)))
        case .connected:
            statistics = StatisticsSchedule(after: statistics, now: now)
            media.restart(sentKinds, wishes: peer.audioWishes, bitrate: peer.audioBitrate)
            reportKinds()
            post(.connected(sessionId: id))
        case .sentKindsChanged:
            media.open(sentKinds, wishes: peer.audioWishes, bitrate: peer.audioBitrate)
            reportKinds()
        case .firstVideoPacketSent:
            let elapsed = offerArrivedAt.map { Int((now - $0).milliseconds.rounded()) } ?? 0
            post(.firstFrameSent(sessionId: id, milliseconds: elapsed))
        case .keyframeRequested: media.keyframeRequested()
        // The kiosk's capabilities name no data channels, so that no description agrees on any.
        case .channel: break
        case .lossReported(let fraction): media.lossReported(fraction)
        case .videoBitrateChanged(let rate): media.videoBitrateChanged(rate)
        case .audioBitrateChanged(let rate): media.audioBitrateChanged(rate)
        case .disconnected:
            PeerSlot.log.info("path went quiet", [LogField("SESSION", id)])
            // Perhaps for good, where no address of ours has changed: another path is looked for meanwhile.
            if restarts.mayAsk(now: now) { post(.restartRequest(sessionId: id)) }
        case .reconnected: PeerSlot.log.info("path carries again", [LogField("SESSION", id)])
        case .restartNeeded:
            restarts.asked(now: now)
            post(.restartRequest(sessionId: id))
        case .nameSocketsNeeded: openNameSockets(now: now)
        case .nameSocketsIdle: names.closeAll()
        case .relayStreamFailed(let local, let alternate, let domain):
            relays.refused(from: local, alternate: alternate, domain: domain, now: now)
            tellRelays(now: now)
        case .relayRefused(let server, let transport, let reason): relayRefused(server, transport, reason)
        case .closed(let reason): closed(reason, now: now)
        }
    }

    /// The kinds that may leave now.
    private var sentKinds: Set<MediaKind> {
        peer.phase == .connected ? Set(MediaKind.allCases.filter { peer.sends($0) }) : []
    }

    private func reportKinds() {
        if peer.phase == .connected { post(.sending(sessionId: id, sentKinds)) }
    }

    private func relayRefused(_ server: SocketAddress, _ transport: TransportProtocol, _ reason: String) {
        PeerSlot.log.repeated(
            .warning, "relay-refused", "turn server \(Redacted(server)) over \(transport) gives no relay: \(reason)")
        let trouble = "turn server \(server) over \(transport): \(reason)"
        guard !relayTroubles.contains(trouble), relayTroubles.count < PeerSlot.maximumTroubles else { return }
        relayTroubles.append(trouble)
        post(.relayRefused(sessionId: id, trouble))
    }

    // MARK: The end

    /// Ends the session from our side.
    func close(now: Instant) {
        guard !isOver else { return }
        summarize(reason: "closed here", now: now)
        peer.close(now: now)
        transmit(now: now)
        release()
    }

    private func closed(_ reason: PeerCloseReason, now: Instant) {
        // Without a path, what TURN servers said is what a technician needs to know.
        let parts = [reason.description] + (reason == .iceFailed ? relayTroubles : [])
        let text = parts.joined(separator: "; ")
        summarize(reason: text, now: now)
        let code = reason.errorCode.flatMap(SessionErrorCode.init(rawValue:)) ?? .dtlsFailed
        post(.ended(sessionId: id, reason: text, code: code))
        release()
    }

    /// Gives everything of the session back: its place in the hub, its counters, sockets, packets.
    private func release() {
        isOver = true
        media.end()
        tally.end(id)
        host.closeAll()
        names.closeAll()
        relays.closeAll()
    }

    // MARK: Numbers

    private func reportStatistics(now: Instant) {
        var numbers = numbers(now: now)
        if let rate = statistics?.report(bytesSent: UInt64(numbers.bytesSent), now: now) {
            numbers.sentBitsPerSecond = rate
        }
        post(.statistics(numbers))
    }

    private func summarize(reason: String, now: Instant) { post(.summary(numbers(now: now), reason: reason)) }

    private func numbers(now: Instant) -> PeerStatistics {
        var numbers = PeerStatistics(
            sessionId: id, snapshot: peer.snapshot,
            report: peer.statsReport.adding(video: tally.session(id, .video), audio: tally.session(id, .audio)),
            now: now)
        numbers.keyframeRequests = media.keyframeRequests
        if lostDatagrams > 0 { numbers.dropped["datagramNotSent"] = lostDatagrams }
        return numbers
    }
}

extension SessionErrorPayload {
    /// A part of the offer that cannot be provided.
    fileprivate init(_ refusal: RefusedMedia) {
        switch refusal {
        case .noCommonCodec(let kind):
            self.init(.noCommonCodec, message: "the offer has no \(kind.rawValue) codec that this kiosk sends")
        case .notBundled(let kind):
            self.init(
                .notBundled,
                message: "one transport is served, and \(kind.rawValue) is not in it: offer with max-bundle")
        }
    }

    /// An offer that is refused.
    fileprivate init(_ error: PeerError) {
        let code: SessionErrorCode =
            switch error {
            case .noCommonCodec: .noCommonCodec
            case .malformedDescription: .badOffer
            case .wrongState: .iceFailed
            case .cryptography: .dtlsFailed
            }
        self.init(code, message: "\(error)")
    }
}

extension Instant {
    /// The earlier of two optional times.
    fileprivate static func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
        guard let a, let b else { return a ?? b }
        return min(a, b)
    }
}
