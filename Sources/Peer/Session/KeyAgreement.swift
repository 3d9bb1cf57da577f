import Crypto
import Primitives
import SDP

/// DTLS of one session: our certificate, the association of now, and what it agreed on.
///
/// ```
///   none ── adopt (a description) ──▶ handshaking ── completed ──▶ agreed ── adopt (another peer) ──▶ handshaking
///                                                        ▲            │
///                                                        └─ renewing ◀┘ close_notify: until the peer has made another
/// ```
struct KeyAgreement: ~Copyable {
    private enum Progress: Sendable {
        /// No association yet, or one without keys. → agreed
        case handshaking
        /// → handshaking, renewing
        case agreed(PeerSecurity)
        /// The peer ended its association, and must have made another by then. → handshaking, agreed
        case renewing(until: Instant)
    }

    let certificate: Certificate
    /// The association; nil before a description was accepted.
    var endpoint: DTLSEndpoint?
    private var progress: Progress
    private var remoteFingerprints: [Fingerprint]

    init(now: WallClock) throws(CryptoError) {
        certificate = try Certificate(now: now)
        endpoint = nil
        progress = .handshaking
        remoteFingerprints = []
    }

    /// What the association of now agreed on, with a peer whose certificate is the announced one; nil before.
    var security: PeerSecurity? { if case .agreed(let security) = progress { security } else { nil } }

    private var renewalEndsAt: Instant? { if case .renewing(let deadline) = progress { deadline } else { nil } }

    // MARK: descriptions

    /// The association that the description begins; nil where the one that there is goes on (RFC 8842 section 5.5).
    func association(for session: NegotiatedSession) throws(PeerError) -> DTLSEndpoint? {
        guard endpoint == nil || session.isNewDTLSAssociation || renewalEndsAt != nil else { return nil }
        do throws(CryptoError) {
            return try DTLSEndpoint(role: session.dtlsRole, borrowing: certificate)
        } catch {
            throw .cryptography("\(error)")
        }
    }

    /// Takes over the peer's fingerprints, and the association that its description begins: the keys that there were are of
    /// no use to it.
    mutating func adopt(_ fingerprints: [Fingerprint], _ association: consuming DTLSEndpoint?) {
        remoteFingerprints = fingerprints
        switch consume association {
        case .some(let association):
            progress = .handshaking
            endpoint = consume association
        case .none: break
        }
    }

    /// The peer has ended its association: another is waited for.
    mutating func renew(as role: DTLSRole, until deadline: Instant) throws(CryptoError) {
        endpoint = try DTLSEndpoint(role: role, borrowing: certificate)
        progress = .renewing(until: deadline)
    }

    // MARK: the handshake

    /// Whether there is an association that takes datagrams.
    var isBegun: Bool { endpoint != nil }

    /// Whether the certificate is the one that the peer's description announced.
    func isExpected(_ certificateDER: [UInt8]) -> Bool {
        remoteFingerprints.contains { $0.matches(der: certificateDER.span) }
    }

    /// The keys of the association are in use.
    mutating func completed(_ security: PeerSecurity) { progress = .agreed(security) }

    mutating func start(now: Instant) { endpoint?.start(now: now) }
    mutating func repeatHello() { endpoint?.repeatHello() }
    mutating func handle(_ datagram: Span<UInt8>, now: Instant) { endpoint?.handle(datagram, now: now) }
    mutating func close(now: Instant) { endpoint?.close(now: now) }
    mutating func pollEvent() -> DTLSEvent? { endpoint?.pollEvent() }

    /// Fills the empty buffer `packet`; false when there is nothing to send.
    mutating func pollTransmit(into packet: inout PacketBuffer) -> Bool {
        endpoint?.pollTransmit(into: &packet) == true
    }

    // MARK: application data

    /// The next message that came over the association, in place of what is in `packet`; false when there is none, or when
    /// it is not known yet that it is the announced peer's.
    mutating func nextMessage(into packet: inout PacketBuffer) -> Bool {
        guard case .agreed = progress else { return false }
        return endpoint?.nextMessage(into: &packet) == true
    }

    /// Encrypts a message for the peer; the datagram is polled next. Nothing is sent before the peer is known to be the announced one.
    mutating func send(_ message: Span<UInt8>) {
        guard case .agreed = progress else { return }
        endpoint?.send(message)
    }

    // MARK: time

    mutating func handleTimeout(now: Instant) { endpoint?.handleTimeout(now: now) }

    /// Whether the peer has ended its association and made no other in time.
    func isRenewalOverdue(now: Instant) -> Bool { renewalEndsAt.map { $0 <= now } ?? false }

    var nextTimeout: Wake? {
        let renewal = renewalEndsAt.map { Wake(at: $0, reason: .dtlsRenewal) }
        switch endpoint {
        case .some(let endpoint): return .earliest(renewal, endpoint.nextTimeout)
        case .none: return renewal
        }
    }

    var drops: Counter<DTLSDrop> {
        switch endpoint {
        case .some(let endpoint): endpoint.drops
        case .none: Counter()
        }
    }
}
