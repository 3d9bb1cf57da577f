import Peer
import Primitives
import Reactor
import Service
import Signaling

/// A bound socket and its place in the event loop. A class, because the loop's list holds several of what cannot be
/// copied.
private final class BoundSocket {
    var socket: UDPSocket
    let token: EventLoop.Token
    var isBlocked = false

    init(_ socket: consuming UDPSocket, token: EventLoop.Token) {
        self.socket = socket
        self.token = token
    }
}

/// The state of the network thread: its loop, and the session of now.
struct NetworkThread: ~Copyable {
    static let log = Log("network")
    private static let wakeToken = EventLoop.Token(0)
    /// Batches taken from one socket before the others get their turn.
    private static let batchesPerRound = 4
    private static let statisticsInterval = Duration.seconds(1)

    private let interfaces: InterfaceFilter
    private let pool: PacketPool
    private let commands: Mailbox<PeerCommand>
    private let events: Mailbox<PeerEvent>
    private let videoRing: FrameRing
    private let audioRing: FrameRing
    private let control: EncoderControl
    /// What the configuration allows the video encoder.
    private let maximumVideo: Bitrate
    private let progress: ThreadProgress

    private var loop: EventLoop
    private var session: LiveSession
    private var peer: PeerSession?
    private var sockets: [BoundSocket]
    private var nextToken: UInt64
    private var videoFrame: EncodedFrame
    private var audioFrame: EncodedFrame
    private var isRunning: Bool

    /// What is known of the session besides the peer itself. Meaningful only while there is one.
    private struct LiveSession {
        var id = ""
        var offerArrivedAt: Instant?
        var statisticsAt: Instant?
        var lastBytes: UInt64 = 0
        var lastStatisticsAt: Instant?
        var framesSent = 0
        var keyframeRequests = 0
        var lostDatagrams = 0
        var fractionLost: Double?
    }

    init(
        interfaces: InterfaceFilter, pool: PacketPool, commands: Mailbox<PeerCommand>, events: Mailbox<PeerEvent>,
        video: FrameRing, audio: FrameRing, control: EncoderControl, progress: ThreadProgress
    ) throws(SystemError) {
        // First what can throw: a half-made thread state could not be taken apart.
        var loop = try EventLoop()
        try loop.register(commands.wake.descriptor, token: NetworkThread.wakeToken, for: .readable)
        self.loop = loop
        self.interfaces = interfaces
        self.pool = pool
        self.commands = commands
        self.events = events
        videoRing = video
        audioRing = audio
        self.control = control
        maximumVideo = control.videoBitrate
        self.progress = progress
        session = LiveSession()
        peer = nil
        sockets = []
        nextToken = 1
        videoFrame = EncodedFrame(kind: .video, capacity: 64 * 1024)
        audioFrame = EncodedFrame(kind: .audio, capacity: 1500)
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
            if let at = session.statisticsAt { deadline = min(deadline, at) }
            try loop.wait(until: deadline)
            for event in loop.events {
                if event.token == NetworkThread.wakeToken {
                    commands.wake.clear()
                    takeCommands()
                    takeFrames()
                } else if let bound = sockets.first(where: { $0.token == event.token }) {
                    if event.isWritable, bound.isBlocked { unblock(bound) }
                    if event.isReadable { receive(on: bound) }
                }
            }
            handleTimeouts()
        }
        progress.rest()
    }

    private var nextTimeout: Wake? {
        switch peer {
        case .some(let peer): peer.nextTimeout
        case .none: nil
        }
    }

    private mutating func handleTimeouts() {
        let now = MonotonicClock.now()
        if let wake = nextTimeout, wake.at <= now {
            mutate { peer, now in peer.handleTimeout(now: now) }
            if let next = nextTimeout {
                precondition(
                    next.at > now, "network thread: a deadline stays in the past and would spin (\(next.reason))")
            }
        }
        if let at = session.statisticsAt, at <= now { reportStatistics(now: now) }
    }

    // MARK: The one way to the session

    private mutating func mutate(_ body: (inout PeerSession, Instant) -> Void) {
        guard hasSession else { return }
        let now = MonotonicClock.now()
        body(&peer!, now)
        drain(now: now)
    }

    private mutating func drain(now: Instant) {
        while hasSession {
            transmit(now: now)
            guard let event = peer?.pollEvent() else { return }
            handle(event, now: now)
        }
    }

    private mutating func transmit(now: Instant) {
        while true {
            // A full batch that the kernel does not take means: wait for the socket; packets rest in their queues.
            if sockets.contains(where: { $0.socket.isQueueFull && $0.isBlocked }) { return }
            guard var packet = pool.take() else {
                flush()
                // Blocked sockets hold the slots; everybody else's came back with the flush.
                guard pool.outstanding < pool.slotCount else { return }
                continue
            }
            guard let transmit = peer?.pollTransmit(into: &packet, now: now) else { break }
            guard let bound = sockets.first(where: { $0.socket.localAddress == transmit.source }) else {
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
        flush()
    }

    private mutating func flush() {
        for bound in sockets where bound.socket.queuedCount > 0 { flush(bound) }
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
        while audioRing.pop(into: &audioFrame) {
            guard hasSession else { continue }
            peer!.send(audioFrame, now: MonotonicClock.now())
        }
        while videoRing.pop(into: &videoFrame) {
            guard hasSession else { continue }
            session.framesSent += 1
            peer!.send(videoFrame, now: MonotonicClock.now())
        }
        mutate { _, _ in }
    }

    // MARK: Commands

    private mutating func takeCommands() {
        while let command = commands.next() {
            switch command {
            case .sessionStarted(let id, _, _): open(id)
            case .iceServer(let id, let server): if isCurrent(id) { add(server) }
            case .offer(let id, let sdp): if isCurrent(id) { accept(offer: sdp) }
            case .candidate(let id, let candidate):
                if isCurrent(id) {
                    mutate { peer, now in peer.addRemoteCandidate(candidate.candidate, now: now) }
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

    private var refusedKinds: [MediaKind] {
        switch peer {
        case .some(let peer): peer.refusedKinds
        case .none: []
        }
    }

    private var snapshot: PeerSnapshot? {
        switch peer {
        case .some(let peer): peer.snapshot
        case .none: nil
        }
    }

    private var hasSession: Bool {
        switch peer {
        case .some: true
        case .none: false
        }
    }

    /// Everything that takes time is done before the offer comes: the certificate, the sockets, the host candidates.
    private mutating func open(_ id: String) {
        close()
        let now = MonotonicClock.now()
        do throws(PeerError) {
            peer = try PeerSession(
                PeerSession.Configuration(bitrates: PeerBitrates(maximumVideo: maximumVideo)),
                wallClock: SystemWallClock.now(), random: .system, now: now)
        } catch {
            NetworkThread.log.error("session not possible: \(error)")
            events.post(.ended(sessionId: id, reason: "\(error)"))
            return
        }
        session = LiveSession(id: id)
        for address in usableAddresses() { bind(address, now: now) }
        mutate { peer, now in peer.finishLocalAddresses(now: now) }
    }

    private mutating func add(_ server: ResolvedICEServer) {
        mutate { peer, now in
            if let credentials = server.credentials {
                peer.addTURNServer(
                    server.address, username: credentials.username, password: credentials.password, now: now)
            } else {
                peer.addSTUNServer(server.address, now: now)
            }
        }
    }

    private func usableAddresses() -> [IPAddress] {
        do throws(SystemError) {
            return interfaces.select(try NetworkInterfaces.addresses()).map(\.address)
        } catch {
            NetworkThread.log.repeated(.warning, "interfaces", "addresses of this machine unknown: \(error)")
            return []
        }
    }

    private mutating func bind(_ address: IPAddress, now: Instant) {
        do throws(SystemError) {
            // AF41 for interactive video (RFC 8837 section 5); networks that do not know it ignore it.
            let bound = BoundSocket(
                try UDPSocket(
                    bindingTo: SocketAddress(address: address, port: 0),
                    UDPSocket.Options(sendBuffer: 512 * 1024, receiveBuffer: 256 * 1024, dscp: 34)),
                token: EventLoop.Token(nextToken))
            nextToken += 1
            try loop.register(bound.socket.descriptor, token: bound.token, for: .readable)
            sockets.append(bound)
            let base = bound.socket.localAddress
            mutate { peer, now in peer.addLocalAddress(base, now: now) }
        } catch {
            // A tentative IPv6 address cannot be bound yet; the others serve.
            NetworkThread.log.repeated(.info, "bind", "address not usable: \(error)")
        }
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
            for kind in refusedKinds {
                let payload = SessionErrorPayload(
                    .noCommonCodec, message: "the offer has no \(kind.rawValue) codec that this kiosk sends")
                events.post(.sessionError(sessionId: id, payload))
            }
        case .failure(let error):
            NetworkThread.log.repeated(.warning, "offer-refused", "offer refused: \(error)")
            let code: SessionErrorCode = if case .noCommonCodec = error { .noCommonCodec } else { .iceFailed }
            events.post(.sessionError(sessionId: id, SessionErrorPayload(code, message: "\(error)")))
        }
        drain(now: now)
    }

    /// Addresses came or went: sockets follow, and the monitor is asked for an offer that restarts ICE.
    private mutating func interfacesChanged() {
        guard hasSession else { return }
        let now = MonotonicClock.now()
        let usable = usableAddresses()
        let gone = sockets.filter { !usable.contains($0.socket.localAddress.address) }
        let new = usable.filter { address in !sockets.contains { $0.socket.localAddress.address == address } }
        guard !gone.isEmpty || !new.isEmpty else { return }
        for bound in gone {
            let base = bound.socket.localAddress
            release(bound)
            sockets.removeAll { $0 === bound }
            mutate { peer, now in peer.removeLocalAddress(base, now: now) }
        }
        for address in new { bind(address, now: now) }
        if session.offerArrivedAt != nil { events.post(.restartRequest(sessionId: session.id)) }
    }

    // MARK: Out of the session

    private mutating func handle(_ event: PeerSession.Event, now: Instant) {
        let id = session.id
        switch event {
        case .localCandidate(let text, let mid, let index):
            events.post(
                .localCandidate(
                    sessionId: id, CandidatePayload(candidate: text, sdpMid: mid, sdpMLineIndex: index)))
        case .endOfLocalCandidates(let mid, let index):
            events.post(
                .localCandidate(sessionId: id, CandidatePayload(candidate: "", sdpMid: mid, sdpMLineIndex: index)))
        case .connected:
            session.statisticsAt = now + NetworkThread.statisticsInterval
            session.lastStatisticsAt = now
            // A kind that the monitor did not ask for is not encoded either.
            switch peer {
            case .some(let peer):
                if peer.sends(.video) { videoRing.open() }
                if peer.sends(.audio) { audioRing.open() }
            case .none: break
            }
            events.post(.connected(sessionId: id))
        case .firstVideoPacketSent:
            let elapsed = session.offerArrivedAt.map { Int((now - $0).milliseconds.rounded()) } ?? 0
            events.post(.firstFrameSent(sessionId: id, milliseconds: elapsed))
        case .keyframeRequested:
            session.keyframeRequests += 1
            control.requestKeyframe()
        case .lossReported(let fraction):
            session.fractionLost = fraction
            control.expectedLossPercent = Int((fraction * 100).rounded())
        case .videoBitrateChanged(let rate): control.videoBitrate = min(rate, maximumVideo)
        case .disconnected: NetworkThread.log.info("path went quiet", [LogField("SESSION", id)])
        case .reconnected: NetworkThread.log.info("path carries again", [LogField("SESSION", id)])
        case .restartNeeded: events.post(.restartRequest(sessionId: id))
        case .resolveName: break
        case .closed(let reason): closed(reason)
        }
    }

    private mutating func closed(_ reason: PeerSession.CloseReason) {
        let id = session.id
        if let code = reason.errorCode.flatMap(SessionErrorCode.init(rawValue:)) {
            events.post(.sessionError(sessionId: id, SessionErrorPayload(code, message: reason.description)))
        }
        events.post(.ended(sessionId: id, reason: reason.description))
        release()
    }

    private mutating func close() {
        guard hasSession else { return }
        let now = MonotonicClock.now()
        peer!.close(now: now)
        transmit(now: now)
        release()
    }

    /// Gives everything of the session back: rings, sockets, packets.
    private mutating func release() {
        videoRing.close()
        audioRing.close()
        for bound in sockets { release(bound) }
        sockets = []
        peer = nil
        session = LiveSession()
    }

    private mutating func release(_ bound: BoundSocket) {
        bound.socket.dropQueue()
        do throws(SystemError) {
            try loop.deregister(bound.socket.descriptor)
        } catch {
            NetworkThread.log.repeated(.warning, "deregister", "socket not deregistered: \(error)")
        }
    }

    private mutating func reportStatistics(now: Instant) {
        guard let snapshot else { return }
        session.statisticsAt = now + NetworkThread.statisticsInterval
        var statistics = PeerStatistics(sessionId: session.id)
        statistics.path = snapshot.pathDescription
        statistics.dtlsCipher = snapshot.cipher
        statistics.estimatedBitsPerSecond = snapshot.target.map { Int($0.bitsPerSecond) }
        statistics.roundTripMilliseconds = snapshot.roundTripTime?.milliseconds
        let bytes = snapshot.bytesSent
        if let last = session.lastStatisticsAt, now > last {
            let seconds = (now - last).seconds
            statistics.sentBitsPerSecond = Int(Double((bytes &- session.lastBytes) &* 8) / seconds)
        }
        session.lastBytes = bytes
        session.lastStatisticsAt = now
        statistics.packetsSent = Int(snapshot.packetsSent)
        statistics.packetsRetransmitted = Int(snapshot.packetsRetransmitted)
        statistics.fractionLost = session.fractionLost
        statistics.framesSent = session.framesSent
        statistics.keyframeRequests = session.keyframeRequests
        statistics.dropped = snapshot.dropped.mapValues(Int.init)
        if session.lostDatagrams > 0 { statistics.dropped["datagramNotSent"] = session.lostDatagrams }
        events.post(.statistics(statistics))
    }
}
