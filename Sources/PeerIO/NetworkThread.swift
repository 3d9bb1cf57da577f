import Media
import Peer
import Primitives
import Reactor
import Service
import Signaling

/// The state of the network thread: its loop, and the present session.
struct NetworkThread: ~Copyable {
    static let log = Log("network")
    private static let wakeToken = EventLoop.Token(0)
    /// Batches taken from one socket before the others get their turn.
    static let batchesPerRound = 4
    static let statisticsInterval = Duration.seconds(1)

    let interfaces: InterfaceFilter
    /// Nil where TURN over TLS is not possible.
    let trust: RelayTrust?
    let pool: PacketPool
    let commands: Mailbox<PeerCommand>
    let events: Mailbox<PeerEvent>
    let hub: MediaHub
    /// Whose media the thread carries, where it is not the sessions' own.
    let lease: Lease?
    /// What the subscriber of the present session gets comes from here.
    let readable: WakeFD
    let tally: MediaTally
    let progress: ThreadProgress

    var loop: EventLoop
    var session: LiveSession
    /// The session whose peer connection ended by itself, until another begins: its supervisor may not know yet.
    var endedSession: String?
    var peer: PeerSession?
    var sockets: [BoundSocket]
    /// Sockets that ask for names, and those that receive multicast answers; from the session's beginning until it is
    /// connected, and while a name is asked for.
    var nameSockets: [BoundSocket]
    /// The networks that they are on.
    var nameNetworks: [InterfaceAddress]
    var relays: [RelayConnection]
    /// What is read from a relay's connection goes through it.
    var relayBuffer: [UInt8]
    /// Relays whose connection is to be tried again.
    var relayRetries: [RelayRetry]
    var nextToken: UInt64
    var isRunning: Bool

    /// What is known of the session besides the peer itself. Meaningful only while there is one.
    struct LiveSession {
        var id = ""
        /// Its place in the media hub.
        var subscriber: MediaSubscriber?
        /// What it wants of the encoders.
        var videoWish = VideoWish(bitrate: .zero)
        var audioWish = AudioWish(bitrate: .zero)
        /// Kinds that the subscriber takes.
        var taken: Set<MediaKind> = []
        var offerArrivedAt: Instant?
        var statisticsAt: Instant?
        var lastBytes: UInt64 = 0
        var lastStatisticsAt: Instant?
        var keyframeRequests = 0
        var lostDatagrams = 0
        var backpressure = Backpressure()
        var areServersKnown = false
        var hasFinishedGathering = false
        /// TURN servers behind streams whose credentials are newer than the stream's.
        var renewedServers: [ResolvedICEServer] = []
        var restarts = RestartRequests()
        /// Why TURN servers gave no relay, each once.
        var relayTroubles: [String] = []
        /// What the encoders were told of the peer's wishes.
        var audioWishes: AudioWishes?
        var videoWishes: VideoWishes?
        /// When addresses that could not be bound are tried again, and how often yet.
        var rebindAt: Instant?
        var rebindsLeft = 0
    }

    init(
        interfaces: InterfaceFilter, trust: RelayTrust?, pool: PacketPool, commands: Mailbox<PeerCommand>,
        events: Mailbox<PeerEvent>, hub: MediaHub, lease: Lease? = nil, tally: MediaTally, progress: ThreadProgress
    ) throws(SystemError) {
        // First what can throw: a half-made thread state could not be taken apart.
        var loop = try EventLoop()
        try loop.register(commands.wake.descriptor, token: NetworkThread.wakeToken, for: .readable)
        self.loop = loop
        self.interfaces = interfaces
        self.trust = trust
        self.pool = pool
        self.commands = commands
        self.events = events
        self.hub = hub
        self.lease = lease
        readable = commands.wake
        self.tally = tally
        self.progress = progress
        session = LiveSession()
        endedSession = nil
        peer = nil
        sockets = []
        nameSockets = []
        nameNetworks = []
        relays = []
        relayRetries = []
        relayBuffer = [UInt8](repeating: 0, count: 16 * 1024)
        nextToken = 1
        isRunning = true
    }

    // MARK: The loop

    mutating func run() throws(SystemError) {
        while isRunning {
            let now = MonotonicClock.now()
            progress.beat(now: now)
            // The beat needs a round now and then even when nothing happens.
            var deadline = now + .seconds(1)
            if let wake = nextTimeout { deadline = min(deadline, wake.at) }
            if let at = driverTimeout { deadline = min(deadline, at) }
            try loop.wait(until: deadline)
            for event in loop.events {
                if event.token == NetworkThread.wakeToken {
                    commands.wake.clear()
                    takeCommands()
                    takeFrames()
                } else if let bound = sockets.first(where: { $0.token == event.token }) {
                    if event.isWritable, bound.isBlocked { unblock(bound) }
                    if event.isReadable { receive(on: bound) }
                } else if let relay = relays.first(where: { $0.token == event.token }) {
                    advance(relay, event)
                } else if let bound = nameSockets.first(where: { $0.token == event.token }) {
                    if event.isWritable, bound.isBlocked { unblock(bound) }
                    if event.isReadable { receiveNames(on: bound) }
                }
            }
            handleTimeouts()
        }
        progress.rest()
    }

    private var nextTimeout: Wake? {
        switch peer {
        case .some(let peer): session.backpressure.postpone(peer.nextTimeout)
        case .none: nil
        }
    }

    /// What the driver itself waits for.
    private var driverTimeout: Instant? {
        // Asked in every round: an array of the three would be an allocation each time.
        NetworkThread.earlier(NetworkThread.earlier(session.statisticsAt, session.rebindAt), relayTimeout)
    }

    static func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
        guard let a, let b else { return a ?? b }
        return min(a, b)
    }

    private mutating func handleTimeouts() {
        let now = MonotonicClock.now()
        if let wake = nextTimeout, wake.at <= now {
            session.backpressure.release()
            mutate { peer, now in peer.handleTimeout(now: now) }
            if let next = nextTimeout {
                precondition(
                    next.at > now, "network thread: a deadline stays in the past and would spin (\(next.reason))")
            }
        }
        if let at = session.statisticsAt, at <= now { reportStatistics(now: now) }
        if let at = session.rebindAt, at <= now { rebind(now: now) }
        handleRelayTimeouts(now: now)
    }

    // MARK: The one way to the session

    mutating func mutate(_ body: (inout PeerSession, Instant) -> Void) {
        guard hasSession else { return }
        let now = MonotonicClock.now()
        body(&peer!, now)
        drain(now: now)
    }

    mutating func drain(now: Instant) {
        while hasSession {
            transmit(now: now)
            guard let event = peer?.pollEvent() else { return }
            handle(event, now: now)
        }
    }

    mutating func transmit(now: Instant) {
        while true {
            // A full batch that the kernel does not take means: wait for the socket; packets rest in their queues.
            if sockets.contains(where: { $0.socket.isQueueFull && $0.isBlocked }) {
                return session.backpressure.hold(now: now)
            }
            guard var packet = pool.take() else {
                flush()
                // Blocked sockets hold the slots; those of all other sockets came back with the flush.
                guard pool.outstanding < pool.slotCount else { return session.backpressure.hold(now: now) }
                continue
            }
            guard let transmit = peer?.pollTransmit(into: &packet, now: now) else { break }
            guard transmit.transport == .udp else {
                sendToRelay(packet, from: transmit.source)
                continue
            }
            guard let bound = socket(at: transmit.source) else {
                session.lostDatagrams += 1
                continue
            }
            if bound.socket.isQueueFull { flush(bound) }
            guard !bound.socket.isQueueFull else {
                session.lostDatagrams += 1
                continue
            }
            bound.socket.enqueue(packet, to: transmit.destination)
        }
        session.backpressure.release()
        flush()
        flushRelays()
    }

    private func socket(at source: SocketAddress) -> BoundSocket? {
        sockets.first { $0.socket.localAddress == source } ?? nameSockets.first { $0.socket.localAddress == source }
    }

    private mutating func flush() {
        for bound in sockets where bound.socket.queuedCount > 0 { flush(bound) }
        for bound in nameSockets where bound.socket.queuedCount > 0 { flush(bound) }
    }

    private mutating func flush(_ bound: BoundSocket) {
        let result = bound.socket.flush()
        if result.failed > 0 {
            session.lostDatagrams += result.failed
            if let error = result.lastError {
                NetworkThread.log.repeated(.debug, "send-failed", "datagram not sent: \(error)")
            }
        }
        guard result.isBlocked != bound.isBlocked else { return }
        bound.isBlocked = result.isBlocked
        watch(bound)
    }

    private mutating func unblock(_ bound: BoundSocket) {
        flush(bound)
        if !bound.isBlocked { mutate { _, _ in } }
    }

    private mutating func watch(_ bound: BoundSocket) {
        do throws(SystemError) {
            try loop.modify(
                bound.socket.descriptor, token: bound.token, for: bound.isBlocked ? [.readable, .writable] : .readable)
        } catch {
            NetworkThread.log.repeated(.warning, "watch-failed", "socket cannot be watched: \(error)")
        }
    }

    // MARK: Into the session

    private mutating func receive(on bound: BoundSocket) {
        let local = bound.socket.localAddress
        for _ in 0..<NetworkThread.batchesPerRound {
            guard case .received = bound.socket.receive(from: pool) else { return }
            while var datagram = bound.socket.nextDatagram() {
                guard hasSession else { continue }
                let source = datagram.source
                peer!.handle(&datagram.packet, from: source, local: local, now: MonotonicClock.now())
            }
            mutate { _, _ in }
        }
    }

    private mutating func takeFrames() {
        guard hasSession, let subscriber = session.subscriber else { return }
        while let shared = subscriber.pop(.audio) {
            shared.withFrame { peer!.send($0, now: MonotonicClock.now()) }
        }
        while let shared = subscriber.pop(.video) {
            shared.withFrame { peer!.send($0, now: MonotonicClock.now()) }
        }
        mutate { _, _ in }
    }

    // MARK: Commands

    private mutating func takeCommands() {
        while let command = commands.next() {
            switch command {
            case .sessionStarted(let id, _, _): open(id)
            // The resolver has been asked too.
            case .iceServersRenewed: break
            case .iceServer(let id, let server): if isCurrent(id) { add(server) }
            case .iceServersKnown(let id):
                if isCurrent(id) {
                    session.areServersKnown = true
                    finishGatheringIfDone()
                }
            case .offer(let id, let sdp):
                if isCurrent(id) {
                    accept(offer: sdp)
                } else if id == endedSession {
                    events.post(.offerAfterEnd(sessionId: id, sdp: sdp))
                }
            case .candidate(let id, let candidate):
                if isCurrent(id) {
                    mutate { peer, now in peer.addRemoteCandidate(candidate.candidate, now: now) }
                } else if id == endedSession {
                    events.post(.candidateAfterEnd(sessionId: id, candidate))
                }
            case .sessionEnded(let id): if isCurrent(id) { close() }
            case .interfacesChanged: interfacesChanged()
            case .shutdown:
                close()
                isRunning = false
            }
        }
    }

    private func isCurrent(_ id: String) -> Bool { hasSession && session.id == id }

    private var refusals: [SessionErrorPayload] {
        switch peer {
        case .some(let peer): peer.refusals.map(NetworkThread.payload)
        case .none: []
        }
    }

    private static func payload(_ refusal: RefusedMedia) -> SessionErrorPayload {
        switch refusal {
        case .noCommonCodec(let kind):
            SessionErrorPayload(
                .noCommonCodec, message: "the offer has no \(kind.rawValue) codec that this kiosk sends")
        case .notBundled(let kind):
            SessionErrorPayload(
                .notBundled,
                message: "one transport is served, and \(kind.rawValue) is not in it: offer with max-bundle")
        }
    }

    var numbers: (PeerSnapshot, StatsReport)? {
        switch peer {
        case .some(let peer):
            (peer.snapshot, peer.statsReport.adding(video: tally.session(.video), audio: tally.session(.audio)))
        case .none: nil
        }
    }

    var hasSession: Bool {
        switch peer {
        case .some: true
        case .none: false
        }
    }

    /// Everything that takes time is done before the offer comes: the certificate, the sockets, the host candidates.
    mutating func open(_ id: String) {
        close()
        endedSession = nil
        let now = MonotonicClock.now()
        // What the configuration allows now holds to the session's end.
        let bitrates = PeerBitrates(maximumVideo: hub.control.videoBitrateLimit)
        do throws(PeerError) {
            peer = try PeerSession(
                PeerSession.Configuration(bitrates: bitrates),
                wallClock: SystemWallClock.now(), random: .system, now: now)
        } catch {
            NetworkThread.log.error("session not possible: \(error)")
            events.post(.ended(sessionId: id, reason: "\(error)", code: .dtlsFailed))
            return
        }
        session = LiveSession(
            id: id, subscriber: hub.subscribe(lease ?? .session(id), readable: readable),
            videoWish: VideoWish(bitrate: bitrates.startVideo), audioWish: AudioWish(bitrate: bitrates.audio))
        if session.subscriber == nil { NetworkThread.log.error("no place left for the session's media") }
        session.subscriber?.wish(session.videoWish)
        tally.beginSession()
        for address in usableAddresses(mayBeLoopback: true) { bind(address.address, now: now) }
        openNameSockets()
    }

    private mutating func accept(offer: String) {
        let id = session.id
        if session.offerArrivedAt == nil { session.offerArrivedAt = MonotonicClock.now() }
        var outcome: Result<String, PeerError> = .failure(.wrongState)
        guard hasSession else { return }
        let now = MonotonicClock.now()
        do throws(PeerError) {
            outcome = .success(try peer!.accept(offer: offer, now: now))
        } catch { outcome = .failure(error) }
        switch outcome {
        case .success(let answer):
            events.post(.answer(sessionId: id, sdp: answer))
            matchWishes()
            for refusal in refusals { events.post(.sessionError(sessionId: id, refusal)) }
        case .failure(let error):
            NetworkThread.log.repeated(.warning, "offer-refused", "offer refused: \(error)")
            let code: SessionErrorCode =
                switch error {
                case .noCommonCodec: .noCommonCodec
                case .malformedDescription: .badOffer
                case .wrongState: .iceFailed
                case .cryptography: .dtlsFailed
                }
            events.post(.sessionError(sessionId: id, SessionErrorPayload(code, message: "\(error)")))
        }
        drain(now: now)
    }
}
