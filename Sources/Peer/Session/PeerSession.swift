import Crypto
public import ICE
public import Primitives
public import RTP
public import SCTP
import SDP

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
// The session consists of machines that know nothing of each other. Each answers a call with values or has events, and the
// session passes them on to those that they concern:
//
//     offers, answers ──────▶ Descriptions ◀──┐               ┌──▶ ICEAgent ◀── addresses, servers, candidates
//     .local names ─────────▶ NameResolution ◀┤               ├──▶ PathWatch
//     frames, SRTP ─────────▶ MediaPath ◀─────┼─ PeerSession ─┼──▶ KeyAgreement ◀── DTLS
//     messages, SCTP ───────▶ DataPath ◀──────┘               └──▶ Journal ──▶ events, milestones, counts
//
//     Descriptions ─▶ ICEAgent, KeyAgreement, MediaPath, DataPath    what offer and answer agreed on, once both are accepted
//     ICEAgent     ─▶ Descriptions                         a candidate of ours: told, or in the next description
//     ICEAgent     ─▶ NameResolution ─▶ ICEAgent           a candidate's name, and its address
//     ICEAgent     ─▶ PathWatch ─▶ MediaPath, Journal      another path: the picture begins anew; the path is quiet, or lost
//     ICEAgent     ─▶ KeyAgreement                         a path: the handshake begins
//     KeyAgreement ─▶ MediaPath, DataPath                  keys; their end
//     KeyAgreement ◀▶ DataPath                             SCTP packets over DTLS
//
//   bytes in   handle ─▶ DatagramKind ─▶ ICEAgent │ KeyAgreement │ MediaPath
//   bytes out  pollTransmit ◀─ ICEAgent, KeyAgreement, MediaPath, DataPath, in this order: a path before keys before media before data
//
// `PeerSnapshot` and `StatsReport` are views, computed from the machines.
//
// The driver calls `handle`, `send` or `handleTimeout`, then drains `pollTransmit` and `pollEvent`, then sleeps until
// `nextTimeout`. A kiosk answers; doctor and the tests, which need no browser, offer. Both are this type.

/// A WebRTC peer for one session, without a socket and without a clock.
public struct PeerSession: ~Copyable {
    /// How long a peer that has ended its DTLS association may take to make another, or to offer anew: a browser that moves
    /// to another transport has it within a second or two, and a peer that has gone keeps the camera open no longer.
    public static let renewalTime = Duration.seconds(5)

    /// The session's life; each case says where it may go next.
    public enum Phase: Hashable, Sendable {
        /// → connecting, closed
        case new
        /// → connected, closed
        case connecting
        /// → connecting (the peer begins anew, or its association has ended), closed
        case connected
        /// Final, and why.
        case closed(PeerCloseReason)
    }

    /// Where the session is now.
    public internal(set) var phase: Phase
    /// As it was made.
    public let role: PeerRole
    /// On the heap: the compiler walks all stored leaves of a noncopyable struct at each access, and the agent has most of them.
    let ice: Boxed<ICEAgent>
    var keys: KeyAgreement
    var media: MediaPath
    private var data: DataPath
    private var descriptions: Descriptions
    private var names: NameResolution
    private var path: PathWatch
    private var journal: Journal

    /// A session that knows nothing of its peer yet, with a certificate of its own. `wallClock` was read at `now`; sender
    /// reports and the certificate's validity are derived from it.
    ///
    /// - Throws: `PeerError.cryptography` when no certificate could be made.
    public init(
        _ configuration: PeerConfiguration, wallClock: WallClock, random: RandomSource, now: Instant
    ) throws(PeerError) {
        do throws(CryptoError) {
            keys = try KeyAgreement(now: wallClock)
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
        descriptions = Descriptions(configuration.role, configuration.capabilities, random: &random)
        media = MediaPath(clock: NTPClock(wallClock, at: now), bitrates: configuration.bitrates, random: random)
        data = DataPath(configuration.capabilities.data ?? DataCapability(), random: random.split())
        names = NameResolution()
        journal = Journal(now: now)
        path = PathWatch()
    }

    // Patterns, because comparing phases compares the reason of the end.
    private var isConnecting: Bool { if case .connecting = phase { true } else { false } }
    private var isConnected: Bool { if case .connected = phase { true } else { false } }
    /// Whether the session is over.
    var isClosed: Bool { if case .closed = phase { true } else { false } }

    // MARK: Offer and answer

    /// The answer to an offer. A later offer renegotiates, and with new ICE credentials restarts ICE, while media goes
    /// on over the path in use. With another fingerprint it comes from a peer that began anew: keys are made anew with it,
    /// over a path that is found anew, and its media begins with them.
    ///
    /// - Throws: `PeerError`; the session then goes on as before.
    public mutating func accept(offer text: String, now: Instant) throws(PeerError) -> String {
        guard !isClosed else { throw .wrongState }
        let offer = try descriptions.read(offer: text)
        // The answer needs the credentials of a restart that only happens if there is an answer.
        var restarted = ice.value
        if offer.isICERestart { restarted.restart(now: now) }
        let answer = try descriptions.answer(
            offer, with: LocalTransport(of: restarted, keys.certificate.fingerprint()))
        let association = try keys.association(for: answer.agreement.session)
        ice.value = restarted
        adopt(answer.agreement, association, now: now)
        announceCandidates()
        return answer.text
    }

    /// An offer to receive what the peer has. Call it again for an ICE restart.
    public mutating func makeOffer(now: Instant) throws(PeerError) -> String {
        guard !isClosed, role == .offerer else { throw .wrongState }
        if descriptions.session != nil { ice.value.restart(now: now) }
        let offer = try descriptions.offer(with: LocalTransport(of: ice.value, keys.certificate.fingerprint()))
        settle(now: now)
        announceCandidates()
        return offer
    }

    /// The answer to our offer.
    public mutating func accept(answer text: String, now: Instant) throws(PeerError) {
        guard !isClosed else { throw .wrongState }
        let agreement = try descriptions.read(answer: text)
        let association = try keys.association(for: agreement.session)
        adopt(agreement, association, now: now)
    }

    /// Takes over what was agreed. Every step that can fail comes before the first change.
    private mutating func adopt(
        _ agreement: Descriptions.Agreement, _ association: consuming DTLSEndpoint?, now: Instant
    ) {
        let session = agreement.session
        descriptions.adopt(agreement)
        journal.described(now: now)
        switch phase {
        case .new: phase = .connecting
        case .connecting, .connected:
            // The same peer goes on with the same media under other keys; another one knows nothing of what was sent.
            if association != nil, session.isNewDTLSAssociation {
                phase = .connecting
                media.beginAnew()
                data.stop()
            }
        case .closed: return
        }
        keys.adopt(session.remoteFingerprints, association)
        media.configure(session, now: now)
        data.configure(
            session.data, sendsMedia: session.sending(.video) != nil || session.sending(.audio) != nil)
        ice.value.setRemoteCredentials(agreement.credentials, isLite: session.remoteICE.isLite, now: now)
        for candidate in session.remoteICE.candidates { addRemoteCandidate(candidate.text, now: now) }
        settle(now: now)
    }

    /// What a description of ours announces does not trickle again; what comes later does.
    private mutating func announceCandidates() {
        journal.discardCandidates()
        descriptions.beginTrickle()
    }

    /// A candidate of the peer: `candidate:…`, with or without `a=`. What cannot be read is dropped and counted.
    public mutating func addRemoteCandidate(_ text: String, now: Instant) {
        guard !isClosed else { return journal.drops.add(.afterEnd) }
        // The peer has no more: nothing depends on that (RFC 8863).
        if text.isEmpty { return }
        do throws(CandidateParseError) {
            ice.value.addRemoteCandidate(try Candidate(text), now: now)
        } catch {
            journal.drops.add(.malformedCandidate)
        }
        settle(now: now)
    }

    /// Media that the last description asked for and does not get, for a `session-error`: in no codec of ours, or outside
    /// the transport that is served.
    public var refusals: [RefusedMedia] { (descriptions.session?.refusals ?? []).map { RefusedMedia($0) } }

    /// The standard's defaults before a description was accepted, and where no sound is sent.
    public var audioWishes: AudioWishes { descriptions.session.map { AudioWishes($0) } ?? AudioWishes() }

    /// No wishes before a description was accepted, and where no picture is sent.
    public var videoWishes: VideoWishes { descriptions.session.map { VideoWishes($0) } ?? VideoWishes() }

    /// What the descriptions chose for the pictures, sent or received; nil before, and where there are none.
    public var videoCodec: VideoCodec? {
        descriptions.session?.media.first { $0.isAccepted && $0.kind == .video }?.codecs.first?.video
    }

    // MARK: Bytes

    /// One datagram that the socket of `local` received. Media is decrypted in place.
    public mutating func handle(
        _ packet: inout PacketBuffer, from source: SocketAddress, local: SocketAddress, now: Instant
    ) {
        guard !isClosed else { return journal.drops.add(.afterEnd) }
        switch DatagramKind(packet.bytes) {
        case .stun, .turnChannel:
            if case .application(let range, let source, let local) = ice.value.handle(
                packet.bytes, from: source, local: local, now: now)
            {
                packet.keep(range)
                handleApplication(&packet, from: source, local: local, now: now)
            }
        case .dtls, .rtp, .rtcp: handleApplication(&packet, from: source, local: local, now: now)
        case nil: journal.drops.add(.unknownProtocol)
        }
        settle(now: now)
    }

    private mutating func handleApplication(
        _ packet: inout PacketBuffer, from source: SocketAddress, local: SocketAddress, now: Instant
    ) {
        let size = packet.count
        switch DatagramKind(packet.bytes) {
        case .dtls:
            guard keys.isBegun else { return journal.drops.add(.dtlsBeforeDescription) }
            // ICE has proved these addresses. Anyone else could end the handshake with one alert in plain text.
            guard ice.value.isPaired(source, with: local) else { return journal.drops.add(.dtlsFromStranger) }
            keys.handle(packet.bytes, now: now)
            while keys.nextMessage(into: &packet) {
                if !data.handle(packet.bytes, now: now) { journal.drops.add(.dtlsApplicationData) }
            }
        case .rtp:
            guard media.handleMedia(&packet, now: now) else { return }
            ice.value.noteReceived(from: source, local: local, now: now)
        case .rtcp:
            guard media.handleControl(&packet, now: now) else { return }
            ice.value.noteReceived(from: source, local: local, now: now)
        case .stun, .turnChannel, nil: return journal.drops.add(.unknownProtocol)
        }
        journal.traffic.noteReceived(size, now: now)
        ice.value.countReceived(size, from: source, local: local, now: now)
    }

    /// Fills the empty buffer `packet` with the next datagram and says which way it goes; nil when there is none.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        if let transmit = ice.value.pollTransmit(into: &packet, now: now) { return transmit }
        if let transmit = names.pollTransmit(into: &packet, now: now) { return transmit }
        // Without a path everything else waits: DTLS retransmits, and media is not taken in.
        while ice.value.selectedPath != nil, nextApplicationPacket(into: &packet, now: now) {
            let size = packet.count
            if let transmit = ice.value.frame(&packet, now: now) {
                journal.traffic.noteSent(size, now: now)
                return transmit
            }
            // A relay that does not let the peer in loses it, as a network would.
            journal.drops.add(.relayRefused)
            packet.removeAll()
        }
        return releasePath(into: &packet, now: now)
    }

    private mutating func nextApplicationPacket(into packet: inout PacketBuffer, now: Instant) -> Bool {
        if keys.pollTransmit(into: &packet) { return true }
        if media.pollTransmit(into: &packet, now: now) {
            while let event = media.pollEvent() { handle(event, now: now) }
            return true
        }
        guard isConnected, data.pollTransmit(into: &packet, now: now) else { return false }
        keys.send(packet.bytes)
        packet.removeAll()
        return keys.pollTransmit(into: &packet)
    }

    /// After the farewell of an ended session: gives relays back to their servers.
    private mutating func releasePath(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard isClosed, path.release() else { return nil }
        ice.value.close(now: now)
        return ice.value.pollTransmit(into: &packet, now: now)
    }

    // MARK: Media

    /// Queues an encoded frame. Before `connected`, without a path, and for media that the peer does not take, it is dropped and
    /// counted.
    public mutating func send(_ frame: borrowing EncodedFrame, now: Instant) {
        guard !isConnected || ice.value.selectedPath != nil else {
            media.frameWasRefused(frame.kind)
            return journal.drops.add(.withoutPath)
        }
        media.send(frame, now: now)
    }

    /// Whether the peer asks for media of this kind, in a codec of ours.
    public func sends(_ kind: MediaKind) -> Bool { media.sends(kind) }

    /// The next frame received whole, in order, written over `frame`; nil when there is none.
    public mutating func nextFrame(
        _ kind: MediaKind, into frame: inout [UInt8], now: Instant
    ) -> ReceivedFrame? { media.nextFrame(kind, into: &frame, now: now) }

    // MARK: Data channels (RFC 8831)

    /// Opens a data channel to the peer. `accepted` follows when the peer has it; messages may be sent at once.
    ///
    /// - Throws: `DataChannelError`, also where the descriptions agreed on no channels and while there are no keys.
    public mutating func openChannel(
        _ parameters: DataChannelParameters, now: Instant
    ) throws(DataChannelError) -> PeerChannel { try data.open(parameters, now: now) }

    /// Takes a message for the peer, of at most what its description allows. Beside media it leaves as the path lets it.
    public mutating func send(
        _ message: DataChannelMessage, on channel: PeerChannel, now: Instant
    ) throws(DataChannelError) { try data.send(message, on: channel, now: now) }

    /// Closes a channel when everything that was sent on it has gone; the event `closed` follows.
    public mutating func closeChannel(_ channel: PeerChannel) { data.close(channel) }

    /// Bytes taken by `send` that no packet has carried yet; 0 for a channel that is gone.
    public func bufferedAmount(of channel: PeerChannel) -> Int { data.bufferedAmount(of: channel) }

    /// At how many bytes `bufferedAmountLow` is told. 0 at first.
    public mutating func setBufferedAmountLowThreshold(
        _ threshold: Int, of channel: PeerChannel
    ) throws(DataChannelError) { try data.setBufferedAmountLowThreshold(threshold, of: channel) }

    // MARK: Time and events

    /// Does what is due at `now` in all of its machines. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        if !isClosed {
            ice.value.handleTimeout(now: now)
            names.handleTimeout(now: now)
            keys.handleTimeout(now: now)
            media.handleTimeout(now: now)
            data.handleTimeout(now: now)
        }
        if keys.isRenewalOverdue(now: now) { end(.closedByPeer, now: now) }
        settle(now: now)
    }

    /// When `handleTimeout` is due; nil after the end.
    public var nextTimeout: Wake? {
        guard !isClosed else { return nil }
        // Without a path nothing of media and data can leave, and what it sends decides when it wants to be woken.
        var wake = ice.value.nextTimeout
        if ice.value.selectedPath != nil { wake = .earliest(wake, .earliest(media.nextTimeout, data.nextTimeout)) }
        wake = .earliest(wake, names.nextTimeout)
        return .earliest(wake, keys.nextTimeout)
    }

    /// The oldest event not taken yet; nil when there is none.
    public mutating func pollEvent() -> PeerSessionEvent? { journal.pollEvent() }

    /// Says goodbye and ends. `pollTransmit` still has the farewell; afterwards the session does nothing.
    public mutating func close(now: Instant) { end(.closedLocally, now: now) }

    // MARK: Names

    /// The local addresses of the sockets that the driver has opened, at the beginning and after `nameSocketsNeeded`;
    /// transmits from them are multicast queries.
    public mutating func setNameSockets(_ addresses: [SocketAddress], now: Instant) {
        names.setBases(addresses)
        settle(now: now)
    }

    /// A datagram that one of these sockets, or a member of the multicast group, received.
    public mutating func handleNameResponse(_ bytes: Span<UInt8>, from source: SocketAddress, now: Instant) {
        names.handle(bytes, from: source, now: now)
        settle(now: now)
    }

    private mutating func lookUp(_ name: String, for candidate: Candidate, now: Instant) {
        guard !isClosed else { return }
        switch names.lookUp(name, for: candidate, now: now) {
        case .known(let addresses):
            for address in addresses { ice.value.addResolvedCandidate(candidate, address: address, now: now) }
        case .asked: break
        case .refused: journal.drops.add(.tooManyNames)
        }
    }

    /// Hands addresses to the candidates that wait for them, and tells the driver when sockets are needed.
    private mutating func settleNames(now: Instant) {
        guard !isClosed else { return }
        while let (address, candidates) = names.pollAddress() {
            for candidate in candidates { ice.value.addResolvedCandidate(candidate, address: address, now: now) }
        }
        guard let wanted = names.socketsChange(isConnected: isConnected) else { return }
        journal.report(wanted ? .nameSocketsNeeded : .nameSocketsIdle)
    }

    // MARK: Numbers

    /// The path that media takes now, for statistics.
    public var selectedPath: SelectedPath? { ice.value.selectedPath }

    /// What the audio encoder may make now: what it was configured for, less on a narrow path, and never more than the peer
    /// wants.
    public var audioBitrate: Bitrate { media.audioTarget }

    /// When the session reached its milestones.
    public var timeline: PeerTimeline { journal.timeline }

    /// Datagrams and frames that were dropped before any protocol machine saw them.
    public var drops: Counter<PeerDrop> { journal.drops }

    /// The numbers of this moment; making it changes nothing.
    public var snapshot: PeerSnapshot { PeerSnapshot(ice.value, keys, media, data, names, journal) }

    /// All that is known of the session now, under the W3C's names.
    public var statsReport: StatsReport {
        StatsReport(phase, ice.value, keys, media, descriptions.session, journal)
    }

    // MARK: Between the machines

    /// Carries what one machine has to say to the others, until all are silent.
    mutating func settle(now: Instant) {
        while let event = ice.value.pollEvent() { handle(event, now: now) }
        settleNames(now: now)
        while let event = ice.value.pollEvent() { handle(event, now: now) }
        startHandshakeIfReady(now: now)
        while let event = keys.pollEvent() { handle(event, now: now) }
        while let event = media.pollEvent() { handle(event, now: now) }
        while let event = data.pollEvent() { journal.report(.channel(event)) }
    }

    private mutating func handle(_ event: ICEEvent, now: Instant) {
        switch event {
        case .localCandidate(let candidate):
            if let event = descriptions.event(of: candidate) { journal.report(event) }
        case .gatheringComplete:
            journal.gathered(now: now)
            if let event = descriptions.endOfCandidates { journal.report(event) }
        case .stateChanged(let state): handle(state, now: now)
        case .selectedPathChanged(let path): handle(path, now: now)
        case .resolveName(let name, let candidate): lookUp(name, for: candidate, now: now)
        case .turnStreamFailed(let local, let alternate):
            journal.report(
                .relayStreamFailed(local: local, alternate: alternate?.address, domain: alternate?.domain))
        case .relayRefused(let server, let transport, let failure):
            journal.report(.relayRefused(server: server, transport: transport, reason: failure.description))
        case .consentExpired: end(.consentExpired, now: now)
        case .roleChanged: break
        }
    }

    private mutating func handle(_ selected: SelectedPath?, now: Instant) {
        guard !isClosed else { return }
        let change = path.selected(selected)
        guard let selected else { return }
        journal.pathFound(now: now)
        if change.isAnother { media.pathChanged(now: now) }
        // Pictures were dropped meanwhile: the next one must not refer to them.
        if change.endsLoss, isConnected { journal.report(.keyframeRequested) }
        // Even if an earlier hello was dropped: a peer that chooses a pair is there and listens: Firefox drops what comes earlier.
        if selected.isNominated, isConnecting { keys.repeatHello() }
    }

    /// The client speaks, and the server's time to hear it begins, when there is a path to the peer that the description
    /// means: after a restart that is not yet the one that still carries.
    private mutating func startHandshakeIfReady(now: Instant) {
        guard isConnecting, ice.value.isPathCurrent else { return }
        keys.start(now: now)
    }

    private mutating func handle(_ state: ICEState, now: Instant) {
        switch state {
        case .new, .checking, .closed: break
        case .connected, .completed:
            guard path.carriesAgain() else { return }
            journal.report(.reconnected)
        case .disconnected:
            guard path.wentQuiet() else { return }
            journal.report(.disconnected)
        case .failed:
            // What was connected once can be connected again by an ICE restart, until the consent to the lost path ends.
            switch phase {
            case .connected: journal.report(.restartNeeded)
            case .new, .connecting: end(.iceFailed, now: now)
            case .closed: break
            }
        }
    }

    /// Not private for tests, which make it fail.
    mutating func handle(_ event: DTLSEvent, now: Instant) {
        guard !isClosed else { return }
        switch event {
        case .handshakeCompleted(let result):
            guard keys.isExpected(result.peerCertificateDER) else { return end(.fingerprintMismatch, now: now) }
            do {
                try media.start(local: result.localKey, remote: result.remoteKey)
            } catch {
                return end(.dtlsFailed("srtp: profile refused"), now: now)
            }
            keys.completed(PeerSecurity(cipher: result.cipher, profile: result.profile))
            phase = .connected
            if let role = descriptions.session?.dtlsRole { data.start(as: role, now: now) }
            // If not the first, the encoder has been running: the new peer can begin with a keyframe only.
            if !journal.handshakeDone(now: now) { journal.report(.keyframeRequested) }
            journal.report(.connected)
        case .failed(let failure):
            guard !isConnected else { return journal.drops.add(.associationFailed) }
            end(.dtlsFailed("\(failure)"), now: now)
        case .closedByPeer: renewAssociation(now: now)
        }
    }

    /// The peer ended its association: media rests until there is another.
    private mutating func renewAssociation(now: Instant) {
        guard role == .answerer, isConnected, let session = descriptions.session else {
            return end(.closedByPeer, now: now)
        }
        do throws(CryptoError) {
            try keys.renew(as: session.dtlsRole, until: now + PeerSession.renewalTime)
        } catch {
            return end(.dtlsFailed("\(error)"), now: now)
        }
        phase = .connecting
        media.suspend()
        data.stop()
        startHandshakeIfReady(now: now)
    }

    private mutating func handle(_ event: MediaPath.Event, now: Instant) {
        switch event {
        case .keyframeRequested: journal.report(.keyframeRequested)
        case .firstVideoPacketSent:
            guard journal.firstVideoPacketSent(now: now) else { return }
            journal.report(.firstVideoPacketSent)
        case .lossReported(let fraction): journal.report(.lossReported(fraction: fraction))
        case .videoBitrateChanged(let rate): journal.report(.videoBitrateChanged(rate))
        case .audioBitrateChanged(let rate): journal.report(.audioBitrateChanged(rate))
        case .sentKindsChanged: journal.report(.sentKindsChanged)
        }
    }

    mutating func end(_ reason: PeerCloseReason, now: Instant) {
        guard !isClosed else { return }
        media.stop()
        data.stop()
        while let event = data.pollEvent() { journal.report(.channel(event)) }
        keys.close(now: now)
        phase = .closed(reason)
        journal.report(.closed(reason))
    }
}

/// What protects the media of a connected session.
public struct PeerSecurity: Hashable, Sendable {
    /// OpenSSL's name of the DTLS cipher suite.
    public var cipher: String
    /// What DTLS agreed on by `use_srtp` (RFC 5764 section 4.1).
    public var profile: SRTPProfile
}

/// Media that an answer does not give, although the offer asked for it.
public enum RefusedMedia: Hashable, Sendable {
    case noCommonCodec(MediaKind)
    /// Outside the one transport that is served.
    case notBundled(MediaKind)

    init(_ refusal: MediaRefusal) {
        self = refusal.reason == .notBundled ? .notBundled(refusal.kind) : .noCommonCodec(refusal.kind)
    }
}
