import Primitives

/// Who an association is between: tags and first numbers of both sides, and what they agreed on.
struct RemoteEndpoint: Hashable, Sendable {
    /// The verification tag of what we send.
    var tag: UInt32
    var initialTSN: TSN
    var window: Int
    /// Streams that we may send on, and that the peer may.
    var outgoingStreams: UInt16
    var incomingStreams: UInt16
    /// What both sides know.
    var extensions: Extensions

    init(_ chunk: InitiationChunk, own: InitiationChunk) {
        tag = chunk.tag
        initialTSN = chunk.initialTSN
        window = Int(chunk.window)
        outgoingStreams = min(own.outgoingStreams, chunk.incomingStreams)
        incomingStreams = min(own.incomingStreams, chunk.outgoingStreams)
        extensions = own.extensions.intersection(chunk.extensions)
    }
}

/// The handshake (RFC 9260 sections 5.1 and 5.2): what we say of ourselves, the cookies that we make, and what each chunk of the peer's
/// means in each phase. Answers are values; the association does what they say.
///
///     INIT ─▶ dropped, refused, ended, shutdownAckAgain, acknowledged      INIT ACK ─▶ dropped, withoutTag, refused, accepted
///     COOKIE ECHO ─▶ dropped, stale, shuttingDown, repeated, begin, restart
struct Handshake: Sendable {
    /// "MUST be … 1500" (section 3.3.2).
    private static let minimumWindow: UInt32 = 1500

    /// What an INIT is answered by.
    enum InitiationAnswer: Equatable, Sendable {
        /// By nothing.
        case dropped(SCTPDrop)
        /// By ABORT with this tag: there can be no association without streams.
        case refused(tag: UInt32)
        /// By ABORT with this tag: ours has ended, and does not begin again.
        case ended(tag: UInt32)
        /// "it MUST … resend the SHUTDOWN ACK" (section 9.2).
        case shutdownAckAgain
        /// By INIT ACK with this tag. `report` is what of the INIT is not known and wants to be reported.
        case acknowledged(tag: UInt32, own: InitiationChunk, cookie: [UInt8], report: [UInt8])
    }

    /// What an INIT ACK is.
    enum InitiationAckVerdict: Equatable, Sendable {
        case dropped(SCTPDrop)
        /// Nobody can be told.
        case withoutTag
        /// ABORT with the cause, to this peer.
        case refused(ErrorCause, detail: [UInt8], RemoteEndpoint)
        case accepted(RemoteEndpoint, cookie: [UInt8], report: [UInt8])
    }

    /// What a COOKIE ECHO is, beside the association that there is (section 5.2.4, table 12).
    enum CookieVerdict: Equatable, Sendable {
        /// Not ours, of tags that fit no case, or of an association that has ended.
        case dropped(SCTPDrop)
        /// Older than its life by so much.
        case stale(microseconds: UInt32)
        /// The association ends, and is not begun anew (case A); an ERROR with this tag says so.
        case shuttingDown(tag: UInt32)
        /// The association is there already; the COOKIE ACK was lost (case D).
        case repeated
        /// The association begins: there was none, INITs crossed (case B), or ours was answered (case D).
        case begin(RemoteEndpoint)
        /// The peer began anew (case A): our tag and first number are now these.
        case restart(RemoteEndpoint, own: InitiationChunk)
    }

    private let configuration: AssociationConfiguration
    private let authenticator: CookieAuthenticator
    private var random: RandomSource
    /// What our INIT says.
    private(set) var own: InitiationChunk

    init(_ configuration: AssociationConfiguration, authenticator: CookieAuthenticator, random: RandomSource) {
        self.configuration = configuration
        self.authenticator = authenticator
        self.random = random
        own = InitiationChunk(
            tag: 0, window: UInt32(configuration.receiveBuffer), outgoingStreams: configuration.streams,
            incomingStreams: configuration.streams, initialTSN: TSN(0), extensions: [])
        own = fresh()
    }

    /// With a random tag, never zero, and a random first number.
    private mutating func fresh() -> InitiationChunk {
        var chunk = own
        chunk.tag = UInt32.random(in: 1...UInt32.max, using: &random)
        chunk.initialTSN = TSN(UInt32.random(in: 0...UInt32.max, using: &random))
        chunk.extensions = [.partialReliability, .reconfiguration]
        if configuration.usesZeroChecksum { chunk.extensions.insert(.zeroChecksum) }
        return chunk
    }

    mutating func nonce() -> UInt64 { random.next() }

    mutating func answer(initiation value: Span<UInt8>, in phase: AssociationPhase, now: Instant) -> InitiationAnswer {
        var report: [UInt8] = []
        var found: Range<Int>?
        guard let peer = try? InitiationChunk(value, report: &report, cookie: &found) else {
            return .dropped(.malformedChunk)
        }
        guard peer.tag != 0, peer.window >= Self.minimumWindow else { return .dropped(.initiationInvalid) }
        guard peer.outgoingStreams > 0, peer.incomingStreams > 0 else { return .refused(tag: peer.tag) }
        let chunk: InitiationChunk
        switch phase {
        case .idle, .cookieWait, .cookieEchoed: chunk = own
        // A tag of its own, so that nothing of the association changes before the cookie comes back (section 5.2.2).
        case .established, .shutdownPending, .shutdownSent, .shutdownReceived: chunk = fresh()
        case .shutdownAckSent: return .shutdownAckAgain
        case .ended: return .ended(tag: peer.tag)
        }
        let current = phase.remote
        let cookie = StateCookie(
            created: now, localTag: chunk.tag, localTSN: chunk.initialTSN, peer: peer,
            localTieTag: current == nil ? 0 : own.tag, peerTieTag: current?.tag ?? 0)
        return .acknowledged(
            tag: peer.tag, own: chunk, cookie: cookie.bytes(authenticator: authenticator), report: report)
    }

    func judge(initiationAck value: Span<UInt8>, in phase: AssociationPhase) -> InitiationAckVerdict {
        switch phase {
        case .cookieWait: break
        // "discard" in each other phase (section 5.2.3).
        case .idle, .cookieEchoed, .established, .shutdownPending, .shutdownSent, .shutdownReceived, .shutdownAckSent,
            .ended:
            return .dropped(.unexpectedChunk)
        }
        var report: [UInt8] = []
        var found: Range<Int>?
        guard let chunk = try? InitiationChunk(value, report: &report, cookie: &found) else {
            return .dropped(.malformedChunk)
        }
        guard chunk.tag != 0 else { return .withoutTag }
        let remote = RemoteEndpoint(chunk, own: own)
        guard chunk.outgoingStreams > 0, chunk.incomingStreams > 0, chunk.window >= Self.minimumWindow else {
            return .refused(.invalidMandatoryParameter, detail: [], remote)
        }
        guard let found else {
            let missing = [0, 0, 0, 1, 0, UInt8(ParameterType.stateCookie)]
            return .refused(.missingMandatoryParameter, detail: missing, remote)
        }
        guard found.count <= configuration.maximumPacketSize - PacketHeader.size - ChunkType.headerSize else {
            return .refused(.outOfResource, detail: [], remote)
        }
        return .accepted(remote, cookie: value.extracting(found).copied(), report: report)
    }

    /// - Parameter tag: Of the packet; it must be the cookie's.
    mutating func judge(cookieEcho bytes: Span<UInt8>, tag: UInt32, in phase: AssociationPhase, now: Instant)
        -> CookieVerdict
    {
        if case .ended = phase { return .dropped(.unexpectedChunk) }
        guard let cookie = StateCookie(bytes, authenticator: authenticator), cookie.localTag == tag else {
            return .dropped(.cookieInvalid)
        }
        let (current, isOurs) = (phase.remote, cookie.localTag == own.tag)
        if isOurs, let current, cookie.peer.tag == current.tag {
            return phase.isEstablished ? .repeated : .begin(RemoteEndpoint(cookie.peer, own: own))
        }
        let staleness = now - cookie.created - configuration.cookieLife
        guard staleness <= .zero else { return .stale(microseconds: UInt32(clamping: staleness.nanoseconds / 1000)) }
        if isOurs {
            return phase.isEstablished ? .dropped(.cookieInvalid) : .begin(RemoteEndpoint(cookie.peer, own: own))
        }
        guard phase.isEstablished, let current, cookie.localTieTag == own.tag, cookie.peerTieTag == current.tag else {
            return .dropped(.cookieInvalid)
        }
        own.tag = cookie.localTag
        own.initialTSN = cookie.localTSN
        // Section 5.2.4: no restart while it ends.
        if case .shutdownAckSent(let current) = phase { return .shuttingDown(tag: current.tag) }
        return .restart(RemoteEndpoint(cookie.peer, own: own), own: own)
    }
}
