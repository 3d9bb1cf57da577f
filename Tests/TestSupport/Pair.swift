public import Peer
public import Primitives
public import SDP

/// A kiosk and a monitor: two `PeerSession`s over a simulated network, with signaling that takes its time.
///
///     let pair = try Pair(seed: 3)
///     try pair.connect()
///     pair.startMedia()
///     try pair.simulation.run(for: .seconds(5))
///     #expect(pair.monitor.video.count > 140)
public final class Pair {
    public let simulation: Simulation
    public let kiosk: SimulatedPeer
    public let monitor: SimulatedPeer
    public let kioskHost: HostID
    public let monitorHost: HostID
    /// One way through the backend.
    public var signalingDelay: Duration
    /// Whether signaling carries anything now.
    public var isSignalingUp = true
    /// What becomes of an offer on its way to the kiosk: a monitor that can do less.
    public var changeOffer: (String) -> String = { $0 }

    /// Bytes of a video frame between keyframes, and of a keyframe.
    public var frameSize = 2500
    public var keyframeSize = 12_000
    /// Whether frames follow what the kiosk's session allows its encoder, times `overshoot`; keyframes are then as large as
    /// four and a half frames.
    public var encoderFollows = false
    public var overshoot = 1.0
    /// When each frame was captured, by its number.
    public private(set) var captured: [Instant] = []
    public private(set) var framesSent: UInt32 = 0
    public private(set) var audioSent: UInt32 = 0
    private var isMediaRunning = false
    /// How many pictures are on their way through the encoder when a keyframe is asked for.
    public var keyframeDelay: UInt32 = 0
    /// The number of the next keyframe.
    private var keyframeAt: UInt32? = 0
    private var seenKeyframeRequests = 0

    public init(
        seed: UInt64 = 1, kioskAddresses: [String] = ["10.1.0.2"], monitorAddresses: [String] = ["10.2.0.2"],
        kioskNAT: NATKind? = nil, monitorNAT: NATKind? = nil, signalingDelay: Duration = .milliseconds(20),
        bitrates: PeerBitrates = PeerBitrates(), data: DataCapability? = nil
    ) throws {
        let simulation = Simulation(seed: seed)
        self.simulation = simulation
        self.signalingDelay = signalingDelay
        func sockets(_ addresses: [String], _ port: UInt16) -> [SocketAddress] {
            addresses.map { SocketAddress(address: IPAddress($0)!, port: port) }
        }
        let kioskSockets = sockets(kioskAddresses, 40_000)
        let monitorSockets = sockets(monitorAddresses, 50_000)
        kioskHost = simulation.network.addHost("kiosk", addresses: kioskSockets.map(\.address), nat: kioskNAT)
        monitorHost = simulation.network.addHost("monitor", addresses: monitorSockets.map(\.address), nat: monitorNAT)
        kiosk = try SimulatedPeer(
            role: .answerer, addresses: kioskSockets, bitrates: bitrates, data: data,
            random: .seeded(seed &* 2 &+ 1), now: simulation.now)
        monitor = try SimulatedPeer(
            role: .offerer, addresses: monitorSockets, data: data, random: .seeded(seed &* 2 &+ 2), now: simulation.now)
        simulation.attach(kiosk, to: kioskHost, name: "kiosk")
        simulation.attach(monitor, to: monitorHost, name: "monitor")
    }

    /// Puts a server into the network that both sides know: STUN, and TURN when it relays.
    @discardableResult
    public func addServer(relays: Bool = true) -> TURNServerNode {
        let server = TURNServerNode(SocketAddress("198.51.100.9:3478")!)
        let host = simulation.network.addHost("server", addresses: [server.address.address])
        simulation.attach(server, to: host, name: "server")
        for peer in [kiosk, monitor] {
            peer.session.addSTUNServer(server.address, now: simulation.now)
            guard relays else { continue }
            peer.session.addTURNServer(
                server.address, username: server.username, password: Redacted(server.password), now: simulation.now)
        }
        return server
    }

    // MARK: Signaling

    /// Carries something to the other side, if signaling works when it starts.
    private func signal(_ deliver: @escaping () -> Void) {
        guard isSignalingUp else { return }
        simulation.schedule(after: signalingDelay, deliver)
    }

    /// The monitor offers; the answer comes back by itself. Also restarts ICE when there is a session already.
    public func offer() throws {
        let offer = try monitor.session.makeOffer(now: simulation.now)
        signal { [self] in
            guard let answer = try? kiosk.session.accept(offer: changeOffer(offer), now: simulation.now) else { return }
            signal { [self] in try? monitor.session.accept(answer: answer, now: simulation.now) }
        }
        carryCandidates()
    }

    /// Both sides' candidates are carried every few milliseconds, as they come.
    private var isCarrying = false
    private func carryCandidates() {
        guard !isCarrying else { return }
        isCarrying = true
        func round() {
            for (from, to) in [(kiosk, monitor), (monitor, kiosk)] where isSignalingUp {
                for candidate in from.candidates {
                    signal { [self] in to.session.addRemoteCandidate(candidate, now: simulation.now) }
                }
                from.candidates = []
            }
            simulation.schedule(after: .milliseconds(5), round)
        }
        round()
    }

    /// Offers and waits until both sides are connected. Returns the time it took in virtual time.
    @discardableResult
    public func connect(within limit: Duration = .seconds(10)) throws -> Duration? {
        try offer()
        return try simulation.run(within: limit) { kiosk.isConnected && monitor.isConnected }
    }

    // MARK: Media

    /// From now on the kiosk sends 30 pictures and 50 audio packets a second, keyframes when they are asked for.
    public func startMedia() {
        guard !isMediaRunning else { return }
        isMediaRunning = true
        var frame = 0
        let start = simulation.now
        func nextVideo() {
            guard isMediaRunning else { return }
            sendVideo()
            frame += 1
            let due = start + .nanoseconds(Int64(frame) * 1_000_000_000 / 30)
            simulation.schedule(after: due - simulation.now, nextVideo)
        }
        func nextAudio() {
            guard isMediaRunning else { return }
            sendAudio()
            simulation.schedule(after: .milliseconds(20), nextAudio)
        }
        nextVideo()
        nextAudio()
    }

    public func stopMedia() { isMediaRunning = false }

    private func sendVideo() {
        guard kiosk.isConnected else { return }
        if kiosk.keyframeRequests > seenKeyframeRequests {
            seenKeyframeRequests = kiosk.keyframeRequests
            if keyframeAt == nil { keyframeAt = framesSent + keyframeDelay }
        }
        let isKeyframe = keyframeAt == framesSent
        var frame = EncodedFrame(kind: .video, capacity: keyframeSize)
        var size = isKeyframe ? keyframeSize : frameSize
        if encoderFollows, let rate = kiosk.videoBitrate {
            size = Int(Double(rate.bitsPerSecond) / 8 / 30 * overshoot * (isKeyframe ? 4.5 : 1))
        }
        SyntheticFrame.write(
            framesSent, kind: .video, isKeyframe: isKeyframe, size: size, captureTime: simulation.now, into: &frame)
        captured.append(simulation.now)
        if isKeyframe { keyframeAt = nil }
        framesSent += 1
        kiosk.send(frame, now: simulation.now)
    }

    private func sendAudio() {
        guard kiosk.isConnected else { return }
        var frame = EncodedFrame(kind: .audio, capacity: 200)
        SyntheticFrame.write(
            audioSent, kind: .audio, isKeyframe: true, size: 80, captureTime: simulation.now, into: &frame)
        audioSent += 1
        kiosk.send(frame, now: simulation.now)
    }
}
