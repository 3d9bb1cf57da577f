import AgentSettings
import Capture
import Codecs
import Glibc
import JSON
import Media
import Peer
import PeerIO
import Primitives
import Reactor
import Signaling

/// A complete call to oneself: the camera and its encoder, the peer session that answers monitors, and over a real UDP
/// socket a second session that receives and decodes. All but the browser.
///
///     VideoPipeline ─▶ MediaHub ─▶ NetworkThread ══ DTLS-SRTP over UDP ══▶ PeerSession ─▶ VideoDecoder
final class SelfCall {
    struct Outcome: Sendable {
        var connected: Duration?
        /// From the offer to the first decoded picture.
        var firstFrame: Duration?
        var frames = 0
        var damaged = 0
        var framesPerSecond = 0.0
        var width = 0
        var height = 0
        var path: String?
        var cipher: String?
    }

    enum Failure: Error, Sendable {
        case camera(String)
        case peer(String)
        case system(String)
    }

    private static let identifier = "doctor"
    /// How long pictures are counted after the first.
    private static let measured = Duration.seconds(2)
    private static let patience = Duration.seconds(10)

    private let peerEvents: Mailbox<PeerEvent>
    private let mediaEvents: Mailbox<MediaEvent>
    private let sender: Sender
    private var outcome: Outcome
    private var trouble: Failure?
    private var firstAt: Instant?
    private var lastAt: Instant?

    init(_ configuration: AgentConfiguration, _ source: CameraSource) throws(SystemError) {
        let wake = try WakeFD()
        peerEvents = try Mailbox(wake: wake)
        mediaEvents = try Mailbox(wake: wake)
        sender = try Sender(
            configuration, camera: source, microphone: nil, lease: .doctor, media: mediaEvents, peers: peerEvents)
        outcome = Outcome()
    }

    /// Calls, counts pictures for two seconds, and hangs up.
    func run(deadline: Instant) throws(Failure) -> Outcome {
        // Before the first thread: one that cannot be had leaves none behind.
        defer { sender.stop() }
        do throws(SystemError) { try sender.start() } catch { throw .system("\(error)") }
        sender.hub.hold(.doctor, [.video])
        do {
            try receive(until: min(deadline, MonotonicClock.now() + SelfCall.patience))
        } catch let error as Failure {
            throw error
        } catch let error as PeerError {
            throw .peer("\(error)")
        } catch {
            throw .system("\(error)")
        }
        if outcome.firstFrame == nil, let trouble { throw trouble }
        if let firstAt, let lastAt, outcome.frames > 1 {
            outcome.framesPerSecond = Double(outcome.frames - 1) / (lastAt - firstAt).seconds
        }
        return outcome
    }

    private func receive(until deadline: Instant) throws {
        let began = MonotonicClock.now()
        let addresses = InterfaceFilter().select(try NetworkInterfaces.addresses())
        guard let local = (addresses.first { $0.address.isIPv4 } ?? addresses.first)?.address else {
            throw Failure.system("no address to call from")
        }
        var socket = try UDPSocket(bindingTo: SocketAddress(address: local, port: 0))
        var loop = try EventLoop()
        try loop.register(socket.descriptor, token: EventLoop.Token(0), for: .readable)
        try loop.register(peerEvents.wake.descriptor, token: EventLoop.Token(1), for: .readable)
        let pool = PacketPool(slotCount: 2 * UDPSocket.batchSize)
        var session = try PeerSession(
            .receivingVideo, wallClock: SystemWallClock.now(), random: .system, now: MonotonicClock.now())
        session.addLocalAddress(socket.localAddress, now: MonotonicClock.now())
        session.finishLocalAddresses(now: MonotonicClock.now())
        var decoder: VideoDecoder?
        var picture = VideoFrame(width: 16, height: 16)
        sender.network.post(
            .sessionStarted(sessionId: SelfCall.identifier, monitorId: SelfCall.identifier, iceServers: []))
        sender.network.post(
            .offer(sessionId: SelfCall.identifier, sdp: try session.makeOffer(now: MonotonicClock.now())))
        var end = deadline
        while MonotonicClock.now() < end, trouble == nil {
            flush(&session, &socket)
            try loop.wait(until: min(session.nextTimeout?.at ?? end, end))
            peerEvents.wake.clear()
            while let event = peerEvents.next() { try handle(event, &session) }
            while let event = mediaEvents.next() { handle(event) }
            while case .received = socket.receive(from: pool) {
                while var datagram = socket.nextDatagram() {
                    session.handle(
                        &datagram.packet, from: datagram.source, local: socket.localAddress, now: MonotonicClock.now())
                }
            }
            let now = MonotonicClock.now()
            if let due = session.nextTimeout, due.at <= now { session.handleTimeout(now: now) }
            while let event = session.pollEvent() { handle(event, since: began, now: now) }
            decode(&session, &decoder, &picture, since: began)
            if let firstAt { end = min(deadline, firstAt + SelfCall.measured) }
        }
        outcome.path = "\(socket.localAddress.address)"
        sender.hub.release(.doctor)
        sender.network.post(.sessionEnded(sessionId: SelfCall.identifier))
        session.close(now: MonotonicClock.now())
        flush(&session, &socket)
    }

    private func flush(_ session: inout PeerSession, _ socket: inout UDPSocket) {
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        while let transmit = session.pollTransmit(into: &packet, now: MonotonicClock.now()) {
            _ = socket.send(packet.bytes, to: transmit.destination)
            packet.removeAll()
        }
    }

    private func handle(_ event: PeerEvent, _ session: inout PeerSession) throws {
        switch event {
        case .answer(_, let sdp): try session.accept(answer: sdp, now: MonotonicClock.now())
        case .localCandidate(_, let payload):
            session.addRemoteCandidate(payload.candidate, now: MonotonicClock.now())
        case .sessionError(_, let error): trouble = .peer(error.message)
        case .ended(_, let reason, _): trouble = .peer(reason)
        case .statistics(let statistics):
            outcome.cipher = statistics.dtlsCipher ?? outcome.cipher
        case .sending, .connected, .firstFrameSent, .restartRequest, .summary, .offerAfterEnd, .candidateAfterEnd,
            .relayRefused:
            break
        }
    }

    private func handle(_ event: MediaEvent) {
        if case .trouble(_, let found) = event { trouble = .camera(found.message) }
    }

    private func handle(_ event: PeerSessionEvent, since began: Instant, now: Instant) {
        switch event {
        case .connected: outcome.connected = now - began
        case .closed(let reason): trouble = trouble ?? .peer("\(reason)")
        default: break
        }
    }

    private func decode(
        _ session: inout PeerSession, _ decoder: inout VideoDecoder?, _ picture: inout VideoFrame, since began: Instant
    ) {
        var bytes: [UInt8] = []
        while session.nextFrame(.video, into: &bytes, now: MonotonicClock.now()) != nil {
            if decoder == nil, let codec = session.videoCodec { decoder = try? VideoDecoder(codec) }
            guard let isPicture = try? decoder?.decode(bytes.span, into: &picture) else {
                outcome.damaged += 1
                continue
            }
            guard isPicture else { continue }
            let now = MonotonicClock.now()
            outcome.frames += 1
            (outcome.width, outcome.height) = (picture.width, picture.height)
            if firstAt == nil {
                firstAt = now
                outcome.firstFrame = now - began
            }
            lastAt = now
        }
    }
}
