import Crypto
import Primitives
import SDP

/// DTLS of one session: our certificate, the association of now, and what it agreed on.
///
/// ```
///   none ── adopt (a description) ──▶ association ── completed ──▶ security known
///                                          ▲                            │
///                                          └── renew (close_notify) ◀───┘   until the peer has made another, or is late
/// ```
struct KeyAgreement: ~Copyable {
    let certificate: Certificate
    /// The association; nil before a description was accepted.
    var endpoint: DTLSEndpoint?
    private(set) var security: PeerSecurity?
    private var remoteFingerprints: [Fingerprint]
    /// When a peer that ended its association must have made another; nil while it has one.
    private var renewalEndsAt: Instant?

    init(now: WallClock) throws(CryptoError) {
        certificate = try Certificate(now: now)
        endpoint = nil
        security = nil
        remoteFingerprints = []
        renewalEndsAt = nil
    }

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

    /// Takes over the peer's fingerprints, and the association that its description begins.
    mutating func adopt(_ fingerprints: [Fingerprint], _ association: consuming DTLSEndpoint?) {
        remoteFingerprints = fingerprints
        switch consume association {
        case .some(let association):
            renewalEndsAt = nil
            endpoint = consume association
        case .none: break
        }
    }

    /// The keys of now belong to a peer that is gone.
    mutating func forget() { security = nil }

    /// The peer has ended its association: another is waited for.
    mutating func renew(as role: DTLSRole, until deadline: Instant) throws(CryptoError) {
        endpoint = try DTLSEndpoint(role: role, borrowing: certificate)
        security = nil
        renewalEndsAt = deadline
    }

    // MARK: the handshake

    /// Whether there is an association that takes datagrams.
    var isBegun: Bool { endpoint != nil }

    /// Whether the certificate is the one that the peer's description announced.
    func isExpected(_ certificateDER: [UInt8]) -> Bool {
        remoteFingerprints.contains { $0.matches(der: certificateDER.span) }
    }

    mutating func completed(_ security: PeerSecurity) {
        self.security = security
        renewalEndsAt = nil
    }

    mutating func start(now: Instant) { endpoint?.start(now: now) }
    mutating func repeatHello() { endpoint?.repeatHello() }
    mutating func handle(_ datagram: Span<UInt8>, now: Instant) { endpoint?.handle(datagram, now: now) }
    mutating func close(now: Instant) { endpoint?.close(now: now) }
    mutating func pollEvent() -> DTLSEvent? { endpoint?.pollEvent() }

    /// Fills the empty buffer `packet`; false when there is nothing to send.
    mutating func pollTransmit(into packet: inout PacketBuffer) -> Bool {
        endpoint?.pollTransmit(into: &packet) == true
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
