import Crypto
public import ICE
public import Primitives
public import RTP
public import SDP

// One peer connection as one machine without a socket: ICE finds the path, DTLS makes the keys, SRTP carries the media.
//
//            a description            a pair works             handshake done,
//            of the peer              ─▶ DTLS starts           fingerprint right
//   new ─────────────────▶ connecting ───────────────▶ … ──────────────────────▶ connected
//    │                         │                                                     │
//    │                         └──────────────── a new DTLS association ◀────────────┤
//    └── close ────────────────┴── ICE failed, DTLS failed, consent expired, close ──┴──▶ closed
//
// A DTLS association ends before its peer does where a browser moves its media to a new transport, as it does when its
// page stops the transceiver whose section carried the bundle: close_notify comes for the old one, and on the new path,
// with the same certificate, another handshake is waited for. So after close_notify keys are made anew, and only a peer
// that does not answer within `renewalTime` has ended the session with it. A failure of OpenSSL's after the handshake
// ends nothing: the keys of the media are there, and whether the peer is, consent says.
//
//   bytes in   handle ─▶ DatagramKind ─▶ ICEAgent │ DTLSEndpoint │ MediaPath
//   bytes out  pollTransmit ◀─ ICEAgent, DTLSEndpoint, MediaPath, in this order: a path before keys before media
//
// The driver calls `handle`, `send` or `handleTimeout`, then drains `pollTransmit` and `pollEvent`, then sleeps until
// `nextTimeout`. A kiosk answers; doctor and the tests, which need no browser, offer. Both are this type.

/// Which side of offer and answer a session is.
public enum PeerRole: Sendable {
    /// Answers offers; in ICE it is controlled (controlling towards a lite peer).
    case answerer
    /// Makes the offer; in ICE it is controlling.
    case offerer
}

/// A WebRTC peer for one session, without a socket and without a clock.
public struct PeerSession: ~Copyable {
    /// How long a peer that has ended its DTLS association may take to make another, or to offer anew: a browser that moves
    /// to another transport has it within a second or two, and a peer that has gone keeps the camera open no longer.
    public static let renewalTime = Duration.seconds(5)

    /// What a session is made with.
    public struct Configuration: Sendable {
        /// Answerer on a kiosk; offerer in tests and in doctor's call to itself.
        public var role: PeerRole
        /// What can be sent (answerer) or is to be received (offerer).
        public var capabilities: LocalCapabilities
        /// Addresses, servers and timing of ICE.
        public var ice: ICEConfiguration
        /// The bounds of its media.
        public var bitrates: PeerBitrates

        /// A kiosk's session without any server of its own.
        public init(
            role: PeerRole = .answerer, capabilities: LocalCapabilities = .kiosk,
            ice: ICEConfiguration = ICEConfiguration(), bitrates: PeerBitrates = PeerBitrates()
        ) {
            self.bitrates = bitrates
            self.role = role
            self.capabilities = capabilities
            self.ice = ice
        }
    }

    /// The session's life; each case says where it may go next.
    public enum Phase: Sendable {
        /// → connecting, closed
        case new
        /// → connected, closed
        case connecting
        /// → connecting (the peer begins anew, or its association has ended), closed
        case connected
        /// Final.
        case closed
    }

    enum Negotiation {
        case answering(Negotiator)
        case offering(Offerer, NegotiatedSession?)
    }

    /// Where the session is now.
    public internal(set) var phase: Phase
    /// As it was made.
    public let role: PeerRole
    /// On the heap: the compiler walks all stored leaves of a noncopyable struct at each access, and the agent has most of them.
    let ice: Boxed<ICEAgent>
    var dtls: DTLSEndpoint?
    var media: MediaPath
    var negotiation: Negotiation
    let certificate: Certificate
    var remoteFingerprints: [Fingerprint]
    /// When a peer that ended its association must have made another; nil while it has one.
    var renewalEndsAt: Instant?
    /// The section whose transport carries the bundle, which our candidates belong to.
    var taggedSection: (mid: String, index: Int)
    /// Whether candidates of ours go out as events: the description that they complete has been given.
    var tricklesCandidates: Bool
    var isDisconnected: Bool
    var lastPath: SelectedPath?
    /// For the media of a peer that begins anew.
    let clock: NTPClock
    let bitrates: PeerBitrates
    /// There was a path, and there is none now.
    var isPathLost: Bool
    var isPathReleased: Bool
    var names: NameResolution
    var events: RingBuffer<Event>
    var random: RandomSource
    /// When the session reached its milestones.
    public internal(set) var timeline: PeerTimeline
    /// Datagrams and frames that were dropped before any protocol machine saw them.
    public internal(set) var drops: Counter<PeerDrop>
    /// The handshake's cipher suite and SRTP profile, once connected.
    public internal(set) var security: PeerSecurity?
    /// DTLS and media that left and that were taken in, over all paths.
    var traffic: PathTraffic
    /// Why the session ended; nil until then.
    public private(set) var closeReason: CloseReason?

    /// A session that knows nothing of its peer yet, with a certificate of its own. `wallClock` was read at `now`; sender
    /// reports and the certificate's validity are derived from it.
    ///
    /// - Throws: `PeerError.cryptography` when no certificate could be made.
    public init(
        _ configuration: Configuration, wallClock: WallClock, random: RandomSource, now: Instant
    ) throws(PeerError) {
        do throws(CryptoError) {
            certificate = try Certificate(now: wallClock)
        } catch {
            throw .cryptography("\(error)")
        }
        var random = random
        role = configuration.role
        phase = .new
        ice = Boxed(
            ICEAgent(
                role: configuration.role == .answerer ? .controlled : .controlling, configuration: configuration.ice,
                authenticator: .openSSL, random: random.split()))
        dtls = nil
        clock = NTPClock(wallClock, at: now)
        bitrates = configuration.bitrates
        media = MediaPath(clock: clock, bitrates: bitrates)
        switch configuration.role {
        case .answerer:
            negotiation = .answering(Negotiator(capabilities: configuration.capabilities, random: random.split()))
        case .offerer:
            negotiation = .offering(Offerer(capabilities: configuration.capabilities, random: random.split()), nil)
        }
        remoteFingerprints = []
        renewalEndsAt = nil
        taggedSection = ("0", 0)
        tricklesCandidates = false
        isDisconnected = false
        lastPath = nil
        isPathLost = false
        isPathReleased = false
        names = NameResolution()
        events = RingBuffer(capacity: 32)
        timeline = PeerTimeline(createdAt: now)
        drops = Counter()
        security = nil
        traffic = PathTraffic()
        closeReason = nil
        self.random = random
    }

    // MARK: Bytes

    /// One datagram that the socket of `local` received. Media is decrypted in place.
    public mutating func handle(
        _ packet: inout PacketBuffer, from source: SocketAddress, local: SocketAddress, now: Instant
    ) {
        guard phase != .closed else { return drops.add(.afterEnd) }
        switch DatagramKind(packet.bytes) {
        case .stun, .turnChannel:
            if case .application(let range, let source, let local) = ice.value.handle(
                packet.bytes, from: source, local: local, now: now)
            {
                packet.keep(range)
                handleApplication(&packet, from: source, local: local, now: now)
            }
        case .dtls, .rtp, .rtcp: handleApplication(&packet, from: source, local: local, now: now)
        case nil: drops.add(.unknownProtocol)
        }
        settle(now: now)
    }

    private mutating func handleApplication(
        _ packet: inout PacketBuffer, from source: SocketAddress, local: SocketAddress, now: Instant
    ) {
        let size = packet.count
        switch DatagramKind(packet.bytes) {
        case .dtls:
            guard dtls != nil else { return drops.add(.dtlsBeforeDescription) }
            // ICE has proved these addresses. Anyone else could end the handshake with one alert in plain text.
            guard ice.value.isPaired(source, with: local) else { return drops.add(.dtlsFromStranger) }
            dtls?.handle(packet.bytes, now: now)
        case .rtp:
            guard media.handleMedia(&packet, now: now) else { return }
            ice.value.noteReceived(from: source, local: local, now: now)
        case .rtcp:
            guard media.handleControl(&packet, now: now) else { return }
            ice.value.noteReceived(from: source, local: local, now: now)
        case .stun, .turnChannel, nil: return drops.add(.unknownProtocol)
        }
        traffic.noteReceived(size, now: now)
        ice.value.countReceived(size, from: source, local: local, now: now)
    }

    /// Fills the empty buffer `packet` with the next datagram and says which way it goes; nil when there is none.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        if let transmit = ice.value.pollTransmit(into: &packet, now: now) { return transmit }
        if let transmit = names.resolver.pollTransmit(into: &packet, now: now) { return transmit }
        // Without a path everything else waits: DTLS retransmits, and media is not taken in.
        while ice.value.selectedPath != nil, nextApplicationPacket(into: &packet, now: now) {
            let size = packet.count
            if let transmit = ice.value.frame(&packet, now: now) {
                traffic.noteSent(size, now: now)
                return transmit
            }
            // A relay that does not let the peer in loses it, as a network would.
            drops.add(.relayRefused)
            packet.removeAll()
        }
        return releasePath(into: &packet, now: now)
    }

    private mutating func nextApplicationPacket(into packet: inout PacketBuffer, now: Instant) -> Bool {
        if dtls?.pollTransmit(into: &packet) == true { return true }
        guard media.pollTransmit(into: &packet, now: now) else { return false }
        while let event = media.pollEvent() { handle(event, now: now) }
        return true
    }

    /// After the farewell of an ended session: gives relays back to their servers.
    private mutating func releasePath(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard phase == .closed, !isPathReleased else { return nil }
        isPathReleased = true
        ice.value.close(now: now)
        return ice.value.pollTransmit(into: &packet, now: now)
    }

    // MARK: Media

    /// Queues an encoded frame. Before `connected`, without a path, and for media that the peer does not take, it is dropped and
    /// counted.
    public mutating func send(_ frame: borrowing EncodedFrame, now: Instant) {
        guard phase != .connected || ice.value.selectedPath != nil else {
            media.frameWasRefused(frame.kind)
            return drops.add(.withoutPath)
        }
        media.send(frame, now: now)
    }

    /// Whether the peer asks for media of this kind, in a codec of ours.
    public func sends(_ kind: MediaKind) -> Bool { media.sends(kind) }

    /// The next frame received whole, in order, written over `frame`; nil when there is none.
    public mutating func nextFrame(
        _ kind: MediaKind, into frame: inout [UInt8], now: Instant
    ) -> ReceivedFrame? { media.nextFrame(kind, into: &frame, now: now) }

    // MARK: Time and events

    /// Does what is due at `now` in all of its machines. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        if phase != .closed {
            ice.value.handleTimeout(now: now)
            names.resolver.handleTimeout(now: now)
            dtls?.handleTimeout(now: now)
            media.handleTimeout(now: now)
        }
        if let at = renewalEndsAt, at <= now { end(.closedByPeer, now: now) }
        settle(now: now)
    }

    /// When `handleTimeout` is due; nil after the end.
    public var nextTimeout: Wake? {
        guard phase != .closed else { return nil }
        // Without a path nothing of the media can leave, and what it sends decides when it wants to be woken.
        var wake = Wake.earliest(ice.value.nextTimeout, ice.value.selectedPath == nil ? nil : media.nextTimeout)
        wake = .earliest(wake, names.resolver.nextTimeout)
        wake = .earliest(wake, renewalEndsAt.map { Wake(at: $0, reason: .dtlsRenewal) })
        switch dtls {
        case .some(let dtls): wake = .earliest(wake, dtls.nextTimeout)
        case .none: break
        }
        return wake
    }

    /// The oldest event not taken yet; nil when there is none.
    public mutating func pollEvent() -> Event? { events.popFirst() }

    /// Says goodbye and ends. `pollTransmit` still has the farewell; afterwards the session does nothing.
    public mutating func close(now: Instant) { end(.closedLocally, now: now) }

    /// The path that media takes now, for statistics.
    public var selectedPath: SelectedPath? { ice.value.selectedPath }

    // MARK: Between the machines

    /// Carries what one machine has to say to the others, until all are silent.
    mutating func settle(now: Instant) {
        while let event = ice.value.pollEvent() { handle(event, now: now) }
        settleNames(now: now)
        while let event = ice.value.pollEvent() { handle(event, now: now) }
        startHandshakeIfReady(now: now)
        while let event = dtls?.pollEvent() { handle(event, now: now) }
        while let event = media.pollEvent() { handle(event, now: now) }
    }

    private mutating func handle(_ event: ICEEvent, now: Instant) {
        switch event {
        case .localCandidate(let candidate):
            guard tricklesCandidates else { return }
            let text = "candidate:" + candidate.attribute.droppingPrefix("candidate:")
            events.append(.localCandidate(text, mid: taggedSection.mid, sectionIndex: taggedSection.index))
        case .gatheringComplete:
            if timeline.gatheredAt == nil { timeline.gatheredAt = now }
            guard tricklesCandidates else { return }
            events.append(.endOfLocalCandidates(mid: taggedSection.mid, sectionIndex: taggedSection.index))
        case .stateChanged(let state): handle(state, now: now)
        case .selectedPathChanged(let path):
            guard phase != .closed else { return }
            guard let path else {
                isPathLost = true
                return
            }
            if timeline.pathFoundAt == nil { timeline.pathFoundAt = now }
            if let last = lastPath, isPathLost || last.base != path.base || last.remote != path.remote {
                media.pathChanged(now: now)
            }
            // Pictures were dropped meanwhile: the next one must not refer to them.
            if isPathLost, phase == .connected { events.append(.keyframeRequested) }
            isPathLost = false
            lastPath = path
            // Even if an earlier hello was dropped: a peer that chooses a pair is there and listens: Firefox drops what comes earlier.
            if path.isNominated, phase == .connecting { dtls?.repeatHello() }
        case .resolveName(let name, let candidate): resolve(name, for: candidate, now: now)
        case .turnStreamFailed(let local, let alternate):
            events.append(
                .relayStreamFailed(local: local, alternate: alternate?.address, domain: alternate?.domain))
        case .relayRefused(let server, let transport, let failure):
            events.append(.relayRefused(server: server, transport: transport, reason: failure.description))
        case .consentExpired: end(.consentExpired, now: now)
        case .roleChanged: break
        }
    }

    /// The client speaks, and the server's time to hear it begins, when there is a path to the peer that the description
    /// means: after a restart that is not yet the one that still carries.
    private mutating func startHandshakeIfReady(now: Instant) {
        guard phase == .connecting, ice.value.isPathCurrent else { return }
        dtls?.start(now: now)
    }

    private mutating func handle(_ state: ICEState, now: Instant) {
        switch state {
        case .new, .checking, .closed: break
        case .connected, .completed:
            guard isDisconnected else { return }
            isDisconnected = false
            events.append(.reconnected)
        case .disconnected:
            guard !isDisconnected else { return }
            isDisconnected = true
            events.append(.disconnected)
        case .failed:
            // What was connected once can be connected again by an ICE restart, until the consent to the lost path ends.
            if phase == .connected {
                events.append(.restartNeeded)
            } else if phase != .closed {
                end(.iceFailed, now: now)
            }
        }
    }

    mutating func handle(_ event: DTLSEvent, now: Instant) {
        guard phase != .closed else { return }
        switch event {
        case .handshakeCompleted(let result):
            guard remoteFingerprints.contains(where: { $0.matches(der: result.peerCertificateDER.span) }) else {
                return end(.fingerprintMismatch, now: now)
            }
            do {
                try media.start(local: result.localKey, remote: result.remoteKey)
            } catch {
                return end(.dtlsFailed("srtp: profile refused"), now: now)
            }
            security = PeerSecurity(cipher: result.cipher, profile: result.profile)
            phase = .connected
            renewalEndsAt = nil
            if timeline.handshakeDoneAt == nil {
                timeline.handshakeDoneAt = now
            } else {
                // The encoder has been running: the new peer can begin with a keyframe only.
                events.append(.keyframeRequested)
            }
            events.append(.connected)
        case .failed(let failure):
            guard phase != .connected else { return drops.add(.associationFailed) }
            end(.dtlsFailed("\(failure)"), now: now)
        case .closedByPeer: renewAssociation(now: now)
        }
    }

    /// The peer ended its association: media rests until there is another.
    private mutating func renewAssociation(now: Instant) {
        guard role == .answerer, phase == .connected, case .answering(let negotiator) = negotiation,
            let session = negotiator.session
        else { return end(.closedByPeer, now: now) }
        do throws(CryptoError) {
            dtls = try DTLSEndpoint(role: session.dtlsRole, borrowing: certificate)
        } catch {
            return end(.dtlsFailed("\(error)"), now: now)
        }
        phase = .connecting
        security = nil
        media.suspend()
        renewalEndsAt = now + PeerSession.renewalTime
        startHandshakeIfReady(now: now)
    }

    private mutating func handle(_ event: MediaPath.Event, now: Instant) {
        switch event {
        case .keyframeRequested: events.append(.keyframeRequested)
        case .firstVideoPacketSent:
            guard timeline.firstVideoPacketAt == nil else { return }
            timeline.firstVideoPacketAt = now
            events.append(.firstVideoPacketSent)
        case .lossReported(let fraction): events.append(.lossReported(fraction: fraction))
        case .videoBitrateChanged(let rate): events.append(.videoBitrateChanged(rate))
        case .audioBitrateChanged(let rate): events.append(.audioBitrateChanged(rate))
        case .sentKindsChanged: events.append(.sentKindsChanged)
        }
    }

    mutating func end(_ reason: CloseReason, now: Instant) {
        guard phase != .closed else { return }
        media.stop()
        dtls?.close(now: now)
        phase = .closed
        closeReason = reason
        events.append(.closed(reason))
    }
}

/// What protects the media of a connected session.
public struct PeerSecurity: Hashable, Sendable {
    /// OpenSSL's name of the DTLS cipher suite.
    public var cipher: String
    /// What DTLS agreed on by `use_srtp` (RFC 5764 section 4.1).
    public var profile: SRTPProfile
}

extension String {
    fileprivate func droppingPrefix(_ prefix: String) -> Substring {
        hasPrefix(prefix) ? dropFirst(prefix.count) : self[...]
    }
}
