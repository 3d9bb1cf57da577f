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

/// Our side of the handshake: what we say of ourselves, and the cookies that we make (RFC 9260 section 5).
struct Handshake: Sendable {
    /// "MUST be … 1500" (section 3.3.2).
    private static let minimumWindow: UInt32 = 1500

    /// What an INIT is (section 5.1).
    enum InitiationVerdict: Sendable {
        case malformed
        /// Nobody is told.
        case invalid
        /// ABORT with this tag.
        case refused(tag: UInt32)
        /// With what of it is not known and wants to be reported.
        case valid(InitiationChunk, report: [UInt8])
    }

    /// What an INIT ACK is (section 5.1).
    enum AnswerVerdict: Sendable {
        case withoutTag
        case refused(ErrorCause, detail: [UInt8], RemoteEndpoint)
        case valid(RemoteEndpoint, cookie: [UInt8], report: [UInt8])
    }

    /// What a COOKIE ECHO is, beside the association that there is (RFC 9260 section 5.2.4, table 12).
    enum CookieVerdict: Sendable {
        /// Not ours, or of tags that fit no case.
        case invalid
        /// Older than its life by so much.
        case stale(Duration)
        /// The association begins: there was none, INITs crossed (case B), or ours was answered (case D).
        case begin(RemoteEndpoint)
        /// The association is there already; the COOKIE ACK was lost (case D).
        case repeated
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

    /// Our INIT ACK's chunk and cookie. In an association that stands the answer has a tag of its own, so that nothing of the
    /// association changes before the cookie comes back (section 5.2.2).
    mutating func answer(to peer: InitiationChunk, current: RemoteEndpoint?, isEstablished: Bool, now: Instant)
        -> (chunk: InitiationChunk, cookie: [UInt8])
    {
        let chunk = isEstablished ? fresh() : own
        let cookie = StateCookie(
            created: now, localTag: chunk.tag, localTSN: chunk.initialTSN, peer: peer,
            localTieTag: current == nil ? 0 : own.tag, peerTieTag: current?.tag ?? 0)
        return (chunk, cookie.bytes(authenticator: authenticator))
    }

    mutating func judge(
        _ bytes: Span<UInt8>, tag: UInt32, current: RemoteEndpoint?, isEstablished: Bool, now: Instant
    ) -> CookieVerdict {
        guard let cookie = StateCookie(bytes, authenticator: authenticator), cookie.localTag == tag else {
            return .invalid
        }
        let isOurs = cookie.localTag == own.tag
        if isOurs, let current, cookie.peer.tag == current.tag {
            return isEstablished ? .repeated : .begin(RemoteEndpoint(cookie.peer, own: own))
        }
        let age = now - cookie.created
        guard age <= configuration.cookieLife else { return .stale(age - configuration.cookieLife) }
        if isOurs { return isEstablished ? .invalid : .begin(RemoteEndpoint(cookie.peer, own: own)) }
        guard isEstablished, let current, cookie.localTieTag == own.tag, cookie.peerTieTag == current.tag else {
            return .invalid
        }
        own.tag = cookie.localTag
        own.initialTSN = cookie.localTSN
        return .restart(RemoteEndpoint(cookie.peer, own: own), own: own)
    }

    static func judge(initiation value: Span<UInt8>) -> InitiationVerdict {
        var report: [UInt8] = []
        var cookie: Range<Int>?
        guard let chunk = try? InitiationChunk(value, report: &report, cookie: &cookie) else { return .malformed }
        guard chunk.tag != 0, chunk.window >= minimumWindow else { return .invalid }
        guard chunk.outgoingStreams > 0, chunk.incomingStreams > 0 else { return .refused(tag: chunk.tag) }
        return .valid(chunk, report: report)
    }

    /// - Throws: `SCTPError` where the chunk cannot be read.
    func judge(answer value: Span<UInt8>) throws(SCTPError) -> AnswerVerdict {
        var report: [UInt8] = []
        var found: Range<Int>?
        let chunk = try InitiationChunk(value, report: &report, cookie: &found)
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
        return .valid(remote, cookie: value.extracting(found).copied(), report: report)
    }
}
