import Media
import Primitives
import Reactor
import Service
import Signaling
import Testing

@testable import Peer
@testable import PeerIO

/// Two sessions on one network thread, over this machine's own sockets.
@Suite struct TwoSessionsTests {
    /// One that stalls holds the other up in nothing, its end leaves the other untouched, and all it had comes back.
    @Test(.timeLimit(.minutes(2))) func sessionsKnowNothingOfEachOther() throws {
        let kiosk = try Kiosk(mostSessions: 2)
        defer { kiosk.stop() }
        let slow = try kiosk.begin("S1", limit: .kilobits(300))
        let fast = try kiosk.begin("S2", limit: .kilobits(600))
        #expect(kiosk.play { slow.frames >= 10 && fast.frames >= 10 })
        #expect(kiosk.ended == [] && slow.local != fast.local)
        #expect(kiosk.hub.control.videoBitrate <= .kilobits(300), "what both can take")

        // It reads nothing and answers nothing.
        slow.isStalled = true
        let (before, stalledAt) = (fast.frames, kiosk.pushed)
        #expect(kiosk.play { fast.frames >= before + 45 })
        // A busy machine costs a few; what waits for the other would cost nearly all.
        #expect(kiosk.pushed - stalledAt <= 90, "\(kiosk.pushed - stalledAt) pictures for 45")
        slow.isStalled = false
        let stalled = slow.frames
        #expect(kiosk.play { slow.frames >= stalled + 10 })

        // The first ends: its sockets, packets and counters come back, and the second gets every picture meanwhile.
        let ports = slow.remotePorts
        #expect(!ports.isEmpty && ports.allSatisfy { !isFree($0) })
        let damaged = fast.damaged
        let endAt = fast.frames
        kiosk.end("S1")
        #expect(kiosk.play { fast.frames >= endAt + 30 && kiosk.summarized == ["S1"] })
        #expect(fast.damaged == damaged)
        #expect(ports.allSatisfy(isFree))
        #expect(fast.remotePorts.allSatisfy { !isFree($0) })

        kiosk.end("S2")
        #expect(kiosk.play { kiosk.summarized == ["S1", "S2"] })
        #expect(fast.remotePorts.allSatisfy(isFree))
        kiosk.stop()
        #expect(kiosk.packetsInUse == 0 && kiosk.hub.video.slotsInUse == 0 && kiosk.hub.video.generation == nil)
        let places = (0..<FrameHub.mostSubscribers).map { _ in kiosk.hub.video.subscribe() }
        #expect(places.allSatisfy { $0 != nil }, "the hub's places came back")
    }

    @Test("Where as many are open as may be, the oldest gives way, and one that is over before it")
    func oneMoreEndsTheOldest() throws {
        let kiosk = try Kiosk(mostSessions: 2)
        defer { kiosk.stop() }
        for id in ["S1", "S2", "S3"] { kiosk.post(.sessionStarted(sessionId: id, monitorId: "m", iceServers: [])) }
        #expect(kiosk.play { kiosk.summarized == ["S1"] })
        // The second again, in place of itself.
        kiosk.post(.sessionStarted(sessionId: "S2", monitorId: "m", iceServers: []))
        #expect(kiosk.play { kiosk.summarized == ["S1", "S2"] })
        kiosk.post(.offer(sessionId: "S1", sdp: "v=0"))
        kiosk.post(.sessionEnded(sessionId: "S1"))
        kiosk.post(.sessionEnded(sessionId: "S3"))
        #expect(kiosk.play { kiosk.summarized == ["S1", "S2", "S3"] })
        #expect(kiosk.errors == [], "an offer for a session that is not open is no news")
        kiosk.post(.offer(sessionId: "S2", sdp: "v=0"))
        #expect(kiosk.play { kiosk.errors == ["S2"] })
    }

    private func isFree(_ address: SocketAddress) -> Bool {
        do { return try UDPSocket(bindingTo: address).localAddress == address } catch { return false }
    }
}

/// The network thread with a hub whose frames the test makes itself, and receivers that answer it.
private final class Kiosk {
    let hub: MediaHub
    private(set) var pushed = 0
    private(set) var ended: [String] = []
    private(set) var summarized: [String] = []
    private(set) var errors: [String] = []
    // A frame's bytes are all the lowest of its size; the first one's lowest bit says that it is no keyframe (RFC 6386 section 9.1).
    static let keyframeSize = 3000
    static let frameSize = 601
    private let resources: NetworkResources
    private let thread: LoopThread<PeerCommand>
    private let events: Mailbox<PeerEvent>
    private var receivers: [String: Receiver] = [:]
    private var frame = EncodedFrame(kind: .video, capacity: 4000)
    private var keyframeRequests: UInt32 = 0

    init(mostSessions: Int) throws {
        hub = try MediaHub(
            control: EncoderControl(
                videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32)))
        events = try Mailbox()
        thread = try LoopThread(name: "network", last: .shutdown)
        resources = NetworkResources(
            interfaces: InterfaceFilter(), trust: nil,
            pools: (0..<mostSessions).map { _ in PacketPool(slotCount: 128) }, events: events, hub: hub, lease: nil,
            readable: thread.mailbox.wake, tally: MediaTally())
        try thread.start { [resources] commands, progress in
            do {
                var loop = try NetworkLoop(resources, commands: commands, progress: progress)
                try loop.run()
            } catch {
                Issue.record("the network thread ended: \(error)")
            }
        }
    }

    func stop() { thread.stop() }

    func post(_ command: PeerCommand) { thread.post(command) }

    var packetsInUse: Int { resources.pools.reduce(0) { $0 + $1.outstanding } }

    /// A session, and a monitor that asks for its picture.
    func begin(_ id: String, limit: Bitrate) throws -> Receiver {
        let receiver = try Receiver()
        receivers[id] = receiver
        hub.control.videoBitrateLimit = limit
        hub.hold(.session(id), [.video])
        hub.permit(.session(id))
        post(.sessionStarted(sessionId: id, monitorId: "m", iceServers: []))
        post(.iceServersKnown(sessionId: id))
        post(.offer(sessionId: id, sdp: try receiver.offer()))
        // The limit is read when the session begins.
        #expect(play { receiver.isAnswered })
        return receiver
    }

    func end(_ id: String) {
        hub.release(.session(id))
        post(.sessionEnded(sessionId: id))
    }

    /// Pictures, 30 in a second, until something holds.
    ///
    /// - Returns: false when it does not come to that.
    func play(until holds: () -> Bool) -> Bool {
        let deadline = MonotonicClock.now() + .seconds(30)
        var next = MonotonicClock.now()
        while MonotonicClock.now() < deadline {
            let now = MonotonicClock.now()
            while let event = events.next() { take(event) }
            for receiver in receivers.values { receiver.advance(now: now) }
            if holds() { return true }
            if next <= now {
                push(now: now)
                next = now + .milliseconds(33)
            }
            MonotonicClock.sleep(until: now + .milliseconds(2))
        }
        return false
    }

    private func push(now: Instant) {
        guard let generation = hub.video.generation else { return }
        let isKeyframe = pushed == 0 || hub.video.keyframeRequests != keyframeRequests
        keyframeRequests = hub.video.keyframeRequests
        write(isKeyframe, now: now)
        if hub.video.push(&frame, generation: generation) == .keyframeNeeded {
            write(true, now: now)
            _ = hub.video.push(&frame, generation: generation)
        }
        pushed += 1
    }

    private func write(_ isKeyframe: Bool, now: Instant) {
        let size = isKeyframe ? Kiosk.keyframeSize : Kiosk.frameSize
        frame.isKeyframe = isKeyframe
        frame.captureTime = now
        frame.duration = .milliseconds(33)
        frame.withUnsafeMutableMemory(resizedTo: size) {
            $0.update(repeating: UInt8(truncatingIfNeeded: size), count: size)
        }
    }

    private func take(_ event: PeerEvent) {
        switch event {
        case .answer(let id, let sdp): receivers[id]?.accept(answer: sdp)
        case .localCandidate(let id, let candidate): receivers[id]?.add(candidate)
        case .ended(let id, _, _): ended.append(id)
        case .summary(let statistics, _): summarized.append(statistics.sessionId)
        case .sessionError(let id, _): errors.append(id)
        case .sending, .connected, .firstFrameSent, .restartRequest, .relayRefused, .offerAfterEnd, .candidateAfterEnd,
            .statistics:
            break
        }
    }
}

/// A monitor's end of a session.
private final class Receiver {
    private(set) var frames = 0
    /// Frames that are not what was sent.
    private(set) var damaged = 0
    private(set) var isAnswered = false
    /// Where the kiosk's sockets of the session are bound.
    private(set) var remotePorts: [SocketAddress] = []
    var isStalled = false
    private var session: PeerSession
    private var socket: UDPSocket
    private let pool = PacketPool(slotCount: 2 * UDPSocket.batchSize)

    init() throws {
        let addresses = InterfaceFilter().select(try NetworkInterfaces.addresses())
        let address = try #require(addresses.first { $0.address.isIPv4 } ?? addresses.first).address
        socket = try UDPSocket(bindingTo: SocketAddress(address: address, port: 0))
        let now = MonotonicClock.now()
        session = try PeerSession(.receivingVideo, wallClock: SystemWallClock.now(), random: .system, now: now)
        session.addLocalAddress(socket.localAddress, now: now)
        session.finishLocalAddresses(now: now)
    }

    var local: SocketAddress { socket.localAddress }

    func offer() throws -> String { try session.makeOffer(now: MonotonicClock.now()) }

    func accept(answer: String) {
        #expect(throws: Never.self) { try session.accept(answer: answer, now: MonotonicClock.now()) }
        for line in answer.split(whereSeparator: \.isNewline) where line.hasPrefix("a=candidate:") {
            note(String(line.dropFirst(2)))
        }
        isAnswered = true
    }

    func add(_ candidate: CandidatePayload) {
        session.addRemoteCandidate(candidate.candidate, now: MonotonicClock.now())
        note(candidate.candidate)
    }

    /// `candidate:foundation component transport priority address port typ host …` (RFC 8839 section 5.1)
    private func note(_ candidate: String) {
        let words = candidate.split(separator: " ")
        guard words.count > 7, words[7] == "host", let address = IPAddress(String(words[4])),
            let port = UInt16(words[5])
        else { return }
        remotePorts.append(SocketAddress(address: address, port: port))
    }

    func advance(now: Instant) {
        guard !isStalled else { return }
        while case .received = socket.receive(from: pool) {
            while var datagram = socket.nextDatagram() {
                session.handle(&datagram.packet, from: datagram.source, local: socket.localAddress, now: now)
            }
        }
        if let due = session.nextTimeout, due.at <= now { session.handleTimeout(now: now) }
        while session.pollEvent() != nil {}
        var bytes: [UInt8] = []
        while session.nextFrame(.video, into: &bytes, now: now) != nil {
            frames += 1
            let isWhole = bytes.count == Kiosk.frameSize || bytes.count == Kiosk.keyframeSize
            if !isWhole || bytes.contains(where: { $0 != UInt8(truncatingIfNeeded: bytes.count) }) { damaged += 1 }
        }
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        while let transmit = session.pollTransmit(into: &packet, now: now) {
            _ = socket.send(packet.bytes, to: transmit.destination)
            packet.removeAll()
        }
    }
}
