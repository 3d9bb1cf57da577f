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
///     VideoPipeline ─▶ FrameRing ─▶ NetworkThread ══ DTLS-SRTP over UDP ══▶ PeerSession ─▶ VP8Decoder
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
    private let driver: NetworkThread
    private let pipeline: VideoPipeline
    private let gate: MediaGate
    private let ring: FrameRing
    private var outcome: Outcome
    private var trouble: Failure?
    private var firstAt: Instant?
    private var lastAt: Instant?

    init(_ configuration: AgentConfiguration, _ source: CameraSource) throws(SystemError) {
        let section = configuration.camera
        let wake = try WakeFD()
        peerEvents = try Mailbox(wake: wake)
        mediaEvents = try Mailbox(wake: wake)
        gate = try MediaGate()
        let silent = try MediaGate()
        let control = EncoderControl(
            videoBitrate: configuration.video.maxBitrate, frameRate: section.frameRate, width: section.width,
            height: section.height, audioBitrate: .kilobits(32))
        let readable = try WakeFD()
        ring = FrameRing(
            kind: .video, frameCapacity: 64 * 1024, readable: readable, opened: gate.wake, needsPermission: true)
        let audio = FrameRing(
            kind: .audio, frameCapacity: 1500, readable: readable, opened: silent.wake, needsPermission: true)
        let tally = MediaTally()
        driver = try NetworkThread(
            configuration, video: ring, audio: audio, control: control, tally: tally, events: peerEvents)
        pipeline = VideoPipeline(
            section.request(source), ring: ring, control: control, tally: tally, gate: gate, events: mediaEvents)
        outcome = Outcome()
    }

    /// Calls, counts pictures for two seconds, and hangs up.
    func run(deadline: Instant) throws(Failure) -> Outcome {
        // Before the first thread: one that cannot be had leaves none behind.
        defer {
            pipeline.stop()
            driver.stop()
        }
        do throws(SystemError) {
            try driver.start()
            try pipeline.start()
        } catch {
            throw .system("\(error)")
        }
        ring.permit()
        gate.open()
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
            receivingVideoFrom: SystemWallClock.now(), random: .system, now: MonotonicClock.now())
        session.addLocalAddress(socket.localAddress, now: MonotonicClock.now())
        session.finishLocalAddresses(now: MonotonicClock.now())
        var decoder = try VP8Decoder()
        var picture = VideoFrame(width: 16, height: 16)
        driver.post(.sessionStarted(sessionId: SelfCall.identifier, monitorId: SelfCall.identifier, iceServers: []))
        driver.post(.offer(sessionId: SelfCall.identifier, sdp: try session.makeOffer(now: MonotonicClock.now())))
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
        gate.close()
        driver.post(.sessionEnded(sessionId: SelfCall.identifier))
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

    private func handle(_ event: PeerSession.Event, since began: Instant, now: Instant) {
        switch event {
        case .connected: outcome.connected = now - began
        case .closed(let reason): trouble = trouble ?? .peer("\(reason)")
        default: break
        }
    }

    private func decode(
        _ session: inout PeerSession, _ decoder: inout VP8Decoder, _ picture: inout VideoFrame, since began: Instant
    ) {
        var bytes: [UInt8] = []
        while session.nextFrame(.video, into: &bytes, now: MonotonicClock.now()) != nil {
            guard let isPicture = try? decoder.decode(bytes.span, into: &picture) else {
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

extension Doctor {
    func checkSelfCall() -> Finding {
        guard let configuration, let source = CameraSource(configuration.camera.device) else {
            return .notChecked("no configuration")
        }
        if agentIsLive { return .skipped("the agent streams from the camera now: \(liveFigures)") }
        let why = "what fails here fails for every monitor"
        do throws(SelfCall.Failure) {
            let call: SelfCall
            do throws(SystemError) {
                call = try SelfCall(configuration, source)
            } catch {
                return .unanswered("\(error)", why: why, remedy: "see the checks of memory and network")
            }
            return Doctor.selfCallFinding(
                try call.run(deadline: deadline), wantedRate: Double(configuration.camera.frameRate))
        } catch {
            switch error {
            case .camera(let reason):
                return Finding(.failed, "no picture: \(reason)", why: why, remedy: "see camera-picture")
            case .peer(let reason):
                return Finding(
                    .failed, "no call: \(reason)", why: why,
                    remedy: "let UDP through on this machine itself: \(Doctor.showFirewall); see network-interfaces")
            case .system(let reason):
                return .unanswered(reason, why: why, remedy: "see the checks of memory and network")
            }
        }
    }

    private static let showFirewall = ToolCommand.available(
        "nft list ruleset", "iptables -S", "see its firewall's rules")

    static func selfCallFinding(_ outcome: SelfCall.Outcome, wantedRate: Double) -> Finding {
        var facts = JSONObject()
        facts["frames"] = .integer(outcome.frames)
        facts["framesPerSecond"] = .double((outcome.framesPerSecond * 10).rounded() / 10)
        facts["damaged"] = .integer(outcome.damaged)
        facts["connectedMilliseconds"] = outcome.connected.map { .integer(Int($0.milliseconds)) } ?? .null
        facts["firstFrameMilliseconds"] = outcome.firstFrame.map { .integer(Int($0.milliseconds)) } ?? .null
        facts["size"] = .string("\(outcome.width)x\(outcome.height)")
        facts["cipher"] = outcome.cipher.map(JSONValue.string)
        let why = "what fails here fails for every monitor"
        guard let first = outcome.firstFrame else {
            return Finding(
                .failed,
                outcome.connected == nil
                    ? "the call does not come about" : "the call comes about, and no picture arrives", why: why,
                remedy: outcome.connected == nil
                    ? "let UDP through on this machine itself: \(Doctor.showFirewall)"
                    : "see camera-picture and encoder",
                facts: facts)
        }
        let rate = (outcome.framesPerSecond * 10).rounded() / 10
        let seen =
            "\(outcome.width)x\(outcome.height) at \(rate) frames/s, the first after \(Int(first.milliseconds)) ms"
        if outcome.damaged > 0 {
            return Finding(
                .failed, "\(seen), \(outcome.damaged) damaged", why: why, remedy: "keep a support archive: --bundle",
                facts: facts)
        }
        if outcome.framesPerSecond < wantedRate * 0.7 {
            return Finding(
                .warning, "\(seen); \(Int(wantedRate)) are configured", why: "monitors see less motion",
                remedy: "see camera-picture and encoder for which of them is slow", facts: facts)
        }
        if first > .seconds(2) {
            return Finding(
                .warning, seen, why: "monitors wait for the picture",
                remedy: "see camera-picture: some cameras take long to begin", facts: facts)
        }
        return .ok(seen, facts: facts)
    }

    /// What the running agent says of the picture it sends now.
    var liveFigures: String {
        let video = status?["video"]
        return "\(video?["width"]?.integer ?? 0)x\(video?["height"]?.integer ?? 0) at "
            + "\(video?["framesPerSecond"]?.double ?? 0) frames/s"
    }
}
