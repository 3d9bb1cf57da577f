import COpenSSL
public import Primitives

// DTLS 1.2 (RFC 6347) as the key exchange of SRTP (RFC 5764), as one machine without a socket.
//
//     init ──start, or the first datagram──▶ handshaking ──▶ connected ──▶ closed
//                                                 │              │
//                                                 └───▶ failed ◀─┘
//
// OpenSSL does the protocol between two memory BIOs. What it needs around it, and this file adds:
//
// - Datagrams. A memory BIO is a byte stream, so one datagram goes in at a time and is read empty before the next,
//   and what comes out is cut between records, never inside one, into datagrams of at most 1,200 bytes. OpenSSL
//   itself fragments handshake messages by the same limit, so every record fits.
// - Time. OpenSSL arms its retransmission timer by the real clock and tells only what remains of it. `nextTimeout`
//   is therefore `now` plus the remainder, read again after every call. In a simulation, where `now` is not the real
//   clock, the machine works but its retransmissions come late; it never asks to be woken in the past.
// - An end. RFC 6347 has none for a handshake whose peer went silent; here it fails after `handshakeDeadline`.
// - Doubt. A datagram's source can be forged, so what is not protected ends nothing: alerts in plain text are ignored
//   (RFC 6347 section 4.1.2.7 allows it), protected records too short to be any are dropped before OpenSSL makes an error
//   of them, and an association that fails after its handshake says nothing to the peer, whose own goes on.
// - A verdict on the certificate. OpenSSL is told to accept any; the DER form goes up with the event, and the
//   owner must compare it with the fingerprint from the SDP before any media flows (RFC 8827 section 6.5).
//
// A browser's ClientHello, which offers DTLS 1.3 with a post-quantum key share, arrives in two datagrams and in any
// order. OpenSSL reassembles it because the stateless cookie exchange (`DTLSv1_listen`), which cannot, is not used:
// ICE has proved the peer's address before DTLS begins, which is what the cookie is for (RFC 6347 section 4.2.1).

/// What a completed handshake yields.
public struct DTLSHandshakeResult: Sendable {
    /// To be compared with the fingerprint from the SDP before anything else is done.
    public var peerCertificateDER: [UInt8]
    /// What DTLS agreed on by `use_srtp` (RFC 5764 section 4.1).
    public var profile: SRTPProfile
    /// Protects what we send.
    public var localKey: SRTPMasterKey
    /// Unprotects what we receive.
    public var remoteKey: SRTPMasterKey
    /// The cipher suite by OpenSSL's name, for statistics.
    public var cipher: String
}

/// Why there is no association, or no longer.
public enum DTLSFailure: Error, Equatable, Sendable {
    /// No completion within `DTLSEndpoint.handshakeDeadline`.
    case timedOut
    /// The same after an alert in plain text, by its number (RFC 5246 section 7.2): it may have been the peer's.
    case timedOutAfterAlert(UInt8)
    /// The handshake completed without `use_srtp`.
    case noProtectionProfile
    /// OpenSSL refused: a fatal alert from either side, or a message against the protocol.
    case refused(CryptoError)
}

/// What an association tells its owner, in order.
public enum DTLSEvent: Sendable {
    case handshakeCompleted(DTLSHandshakeResult)
    /// The association is dead; during the handshake an alert may still wait in `pollTransmit`. After it the keys that were
    /// exported are as good as before.
    case failed(DTLSFailure)
    /// The peer ended the association: its close_notify came, or its fatal alert, protected.
    case closedByPeer
}

/// Why a datagram, or a record in it, was not used.
public enum DTLSDrop: Int, CaseIterable, Sendable {
    /// No DTLS record header, or a length that runs past the datagram. The rest of the datagram is ignored.
    case malformedRecord
    /// Longer than any datagram we read.
    case oversized
    /// Came after the end.
    case afterEnd
    /// An alert that is not protected: anybody can send one.
    case unprotectedAlert
    /// Said to be protected, and too short to be.
    case shortRecord
}

/// One DTLS association. Unique ownership, and mutating calls only, make it fit to move between threads.
public struct DTLSEndpoint: ~Copyable, @unchecked Sendable {
    /// The longest datagram made: IPv6's minimum path of 1,280 bytes, less headers and room for TURN's.
    public static let maximumDatagram = 1200
    /// Bytes of the longest application data in one datagram: less the record's header (13), and with GCM the explicit nonce (8)
    /// and the tag (16); a multiple of four.
    public static let maximumMessage = 1160
    /// How long a handshake may take.
    public static let handshakeDeadline = Duration.seconds(15)

    /// The association's life; each case says where it may go next.
    public enum Phase: Sendable, Equatable {
        /// → handshaking, closed
        case idle
        /// → connected, failed, closed
        case handshaking
        /// → closed, failed
        case connected
        /// Final.
        case closed
        /// Final.
        case failed
    }

    /// Client or server: fixed by offer and answer.
    public let role: DTLSRole
    /// Where the association is now.
    public private(set) var phase: Phase
    /// Datagrams and records not used, by reason.
    public private(set) var drops: Counter<DTLSDrop>
    let ssl: OpaquePointer
    // Owned by `ssl`.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var events: RingBuffer<DTLSEvent>
    private var deadline: Instant?
    private var retransmission: Instant?
    /// The client's first datagram, until anything is heard.
    private var hello: [UInt8]
    private var isHelloDue: Bool
    private var isPeerHeard: Bool
    /// Application data stands next in OpenSSL.
    private var isMessageWaiting: Bool
    /// What the last alert in plain text said.
    private var unprotectedAlert: UInt8?

    /// An association that waits for `start`, or as the server for the client's first datagram.
    ///
    /// - Parameter certificate: shown to the peer; OpenSSL keeps its own reference.
    /// - Parameter profiles: those to offer or accept, best first.
    public init(
        role: DTLSRole, borrowing certificate: borrowing Certificate,
        profiles: [SRTPProfile] = [.aeadAES128GCM, .aeadAES256GCM, .aes128CounterModeSHA1Tag80]
    ) throws(CryptoError) {
        let context = try DTLSContext.shared.get()
        ERR_clear_error()
        guard let ssl = SSL_new(context) else { throw CryptoError.drained("dtls: no session") }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw CryptoError.drained("dtls: no memory bio")
        }
        SSL_set_bio(ssl, incoming, outgoing)
        let names = profiles.map(\.opensslName).joined(separator: ":")
        guard SSL_use_certificate(ssl, certificate.x509) == 1,
            SSL_use_PrivateKey(ssl, certificate.privateKey) == 1,
            SSL_set_tlsext_use_srtp(ssl, names) == 0
        else {
            SSL_free(ssl)
            throw CryptoError.drained("dtls: certificate or profiles refused")
        }
        copenssl_set_mtu(ssl, DTLSEndpoint.maximumDatagram)
        DTLS_set_timer_cb(ssl, DTLSContext.retransmissionInterval)
        switch role {
        case .client: SSL_set_connect_state(ssl)
        case .server: SSL_set_accept_state(ssl)
        }
        self.role = role
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        phase = .idle
        drops = Counter()
        events = RingBuffer(capacity: 4)
        deadline = nil
        retransmission = nil
        hello = []
        isHelloDue = false
        isPeerHeard = false
        isMessageWaiting = false
        unprotectedAlert = nil
    }

    deinit { SSL_free(ssl) }

    /// Begins the handshake, when ICE has a working pair; the client's hello is then ready to be polled.
    public mutating func start(now: Instant) {
        guard phase == .idle else { return }
        phase = .handshaking
        deadline = now + DTLSEndpoint.handshakeDeadline
        advance(now: now)
    }

    /// Sends the client's hello once more, byte for byte, while the server has not been heard: for a peer that may only now be
    /// able to take it in. The timer, which would have had it wait, stays as it is.
    public mutating func repeatHello() { isHelloDue = phase == .handshaking && !hello.isEmpty }

    /// One datagram from the peer whose first byte is in 20 … 63 (RFC 7983).
    public mutating func handle(_ datagram: Span<UInt8>, now: Instant) {
        switch phase {
        case .idle:
            // A client that hears first has not spoken: nothing can be an answer to it.
            guard role == .server else {
                drops.add(.malformedRecord)
                return
            }
        case .handshaking, .connected: break
        case .closed, .failed:
            drops.add(.afterEnd)
            return
        }
        guard takeRecords(of: datagram) else { return }
        isPeerHeard = true
        hello = []
        isHelloDue = false
        start(now: now)
        advance(now: now)
    }

    /// Retransmits what is due, and gives up at the deadline.
    public mutating func handleTimeout(now: Instant) {
        guard phase == .handshaking else { return }
        if let deadline, now >= deadline {
            fail(unprotectedAlert.map(DTLSFailure.timedOutAfterAlert) ?? .timedOut)
            return
        }
        guard let retransmission, now >= retransmission else { return }
        ERR_clear_error()
        if copenssl_dtls_handle_timeout(ssl) < 0 {
            fail(.refused(CryptoError.drained("dtls: retransmission failed")))
            return
        }
        readTimer(now: now)
    }

    /// Sends close_notify to a connected peer and ends; nothing is handled any more.
    public mutating func close(now: Instant) {
        switch phase {
        case .idle, .handshaking: break
        case .connected:
            ERR_clear_error()
            _ = SSL_shutdown(ssl)
            ERR_clear_error()
        case .closed, .failed: return
        }
        end(.closed)
    }

    /// Encrypts application data of at most `maximumMessage` bytes; its datagram is ready to be polled. Before the handshake is
    /// done and after the end nothing is sent.
    public mutating func send(_ message: Span<UInt8>) {
        precondition(message.count <= DTLSEndpoint.maximumMessage, "dtls: a message longer than a datagram")
        guard phase == .connected, message.count > 0 else { return }
        ERR_clear_error()
        let ssl = ssl
        let written = message.withUnsafeBufferPointer { SSL_write(ssl, $0.baseAddress, Int32($0.count)) }
        if written <= 0 { fail(.refused(CryptoError.drained("dtls: application data not sent"))) }
    }

    /// Fills `packet` with the next datagram for the peer; false when there is none. `packet` must have room for
    /// `maximumDatagram` bytes.
    public mutating func pollTransmit(into packet: inout PacketBuffer) -> Bool {
        precondition(packet.capacity >= DTLSEndpoint.maximumDatagram, "dtls: the packet buffer is too small")
        let size = nextDatagramSize()
        guard size > 0 else { return pollRepeatedHello(into: &packet) }
        let outgoing = outgoing
        let count = packet.withUnsafeMutableMemory { BIO_read(outgoing, $0, Int32(size)) }
        packet.setCount(max(0, Int(count)))
        if role == .client, phase == .handshaking, !isPeerHeard { hello = packet.bytes.copied() }
        return count > 0
    }

    private mutating func pollRepeatedHello(into packet: inout PacketBuffer) -> Bool {
        guard isHelloDue else { return false }
        isHelloDue = false
        packet.removeAll()
        packet.append(hello.span)
        return true
    }

    /// The oldest event not taken yet; nil when there is none.
    public mutating func pollEvent() -> DTLSEvent? { events.popFirst() }

    /// The next message of application data, decrypted, in place of what is in `packet`; false when there is none. Take them
    /// all after each `handle`: what the peer sent after a message, its close_notify too, is read once the message is taken.
    ///
    /// `packet` needs the room of the datagram that was handled; what is longer comes in several parts.
    public mutating func nextMessage(into packet: inout PacketBuffer) -> Bool {
        guard phase == .connected, isMessageWaiting else { return false }
        isMessageWaiting = false
        ERR_clear_error()
        let (ssl, room) = (ssl, packet.capacity)
        let count = packet.withUnsafeMutableMemory { SSL_read(ssl, $0, Int32(room)) }
        packet.setCount(max(0, Int(count)))
        read()
        return count > 0
    }

    /// When `handleTimeout` must be called.
    public var nextTimeout: Wake? {
        Wake.earliest(
            retransmission.map { Wake(at: $0, reason: .dtlsRetransmission) },
            deadline.map { Wake(at: $0, reason: .dtlsDeadline) })
    }

    // MARK: Progress

    private mutating func advance(now: Instant) {
        if phase == .handshaking { handshake() }
        if phase == .connected { read() }
        if phase == .handshaking { readTimer(now: now) }
    }

    private mutating func handshake() {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            complete()
            return
        }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
        case SSL_ERROR_ZERO_RETURN:
            events.append(.closedByPeer)
            end(.closed)
        default: fail(.refused(CryptoError.drained("dtls: handshake failed")))
        }
    }

    private mutating func complete() {
        let result: DTLSHandshakeResult
        do throws(DTLSFailure) { result = try handshakeResult() } catch {
            fail(error)
            return
        }
        phase = .connected
        deadline = nil
        retransmission = nil
        events.append(.handshakeCompleted(result))
    }

    // After the handshake the peer sends alerts, and its last flight again when ours was lost. Application data waits for
    // `nextMessage`, and what came behind it with it.
    private mutating func read() {
        var next: UInt8 = 0
        while phase == .connected {
            ERR_clear_error()
            let result = SSL_peek(ssl, &next, 1)
            if result > 0 {
                isMessageWaiting = true
                return
            }
            switch SSL_get_error(ssl, result) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return
            case SSL_ERROR_ZERO_RETURN:
                _ = SSL_shutdown(ssl)
                ERR_clear_error()
                events.append(.closedByPeer)
                end(.closed)
            default:
                // Set by an alert as well, and here that is the peer's: it was protected.
                if SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 {
                    ERR_clear_error()
                    events.append(.closedByPeer)
                    end(.closed)
                } else {
                    fail(.refused(CryptoError.drained("dtls: connection failed")))
                }
                // OpenSSL's own alert would end the peer's association, which is not known to be broken.
                copenssl_bio_reset(outgoing)
            }
        }
    }

    private mutating func readTimer(now: Instant) {
        var remaining = timeval()
        guard copenssl_dtls_get_timeout(ssl, &remaining) == 1 else {
            retransmission = nil
            return
        }
        let interval = Duration.microseconds(Int64(remaining.tv_sec) * 1_000_000 + Int64(remaining.tv_usec))
        // An expired timer is handled by the next call, which must lie in the future.
        retransmission = now + max(interval, .milliseconds(1))
    }

    private mutating func fail(_ failure: DTLSFailure) {
        events.append(.failed(failure))
        end(.failed)
    }

    private mutating func end(_ final: Phase) {
        phase = final
        deadline = nil
        retransmission = nil
    }

    // MARK: Records (RFC 6347 section 4.1)

    /// Hands the records of one datagram to OpenSSL; those that are not to be used are counted. Returns whether any was.
    private mutating func takeRecords(of datagram: Span<UInt8>) -> Bool {
        guard datagram.count <= PacketPool.slotSize else {
            drops.add(.oversized)
            return false
        }
        var offset = 0
        var isAnyTaken = false
        while offset < datagram.count {
            guard let size = recordSize(datagram.extracting(offset..<datagram.count)) else {
                drops.add(.malformedRecord)
                break
            }
            let record = datagram.extracting(offset..<offset + size)
            offset += size
            if let drop = judge(record) {
                drops.add(drop)
                continue
            }
            isAnyTaken = true
            record.withUnsafeBufferPointer { bytes in
                _ = BIO_write(incoming, bytes.baseAddress, Int32(bytes.count))
            }
        }
        return isAnyTaken
    }

    /// Why a whole record is not to be used; nil where it is.
    private mutating func judge(_ record: Span<UInt8>) -> DTLSDrop? {
        let fragment = record.count - 13
        let isProtected = record[3] != 0 || record[4] != 0
        if isProtected { return fragment < shortestFragment ? .shortRecord : nil }
        guard record[0] == 21 else { return nil }
        if fragment >= 2 { unprotectedAlert = record[14] }
        return .unprotectedAlert
    }

    /// What a protected fragment has at least: the nonce of GCM (8 bytes, RFC 5288 section 3) and the tag of either cipher
    /// (16 bytes). OpenSSL takes a shorter one for an error of its own and ends the association.
    private var shortestFragment: Int {
        let cipher = SSL_get_current_cipher(ssl) ?? SSL_get_pending_cipher(ssl)
        if let cipher, SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305 { return 16 }
        return 24
    }

    /// Type (20 … 25), version (254, x), epoch, sequence number, length: 13 bytes before the fragment.
    private func recordSize(_ bytes: Span<UInt8>) -> Int? {
        guard bytes.count >= 13, (20...25).contains(bytes[0]), bytes[1] == 0xFE else { return nil }
        let size = 13 + Int(bytes[11]) << 8 + Int(bytes[12])
        return size <= bytes.count ? size : nil
    }

    /// As many whole records as fit into one datagram.
    private mutating func nextDatagramSize() -> Int {
        var start: UnsafeMutablePointer<CChar>?
        let pending = copenssl_mem_bio_peek(outgoing, &start)
        guard pending > 0, let start else { return 0 }
        return start.withMemoryRebound(to: UInt8.self, capacity: pending) { bytes in
            let span = unsafe Span(_unsafeStart: bytes, count: pending)
            var size = 0
            while size < pending, let record = recordSize(span.extracting(size..<pending)),
                size + record <= DTLSEndpoint.maximumDatagram
            {
                size += record
            }
            precondition(size > 0, "dtls: openssl made a record longer than the datagram limit it was given")
            return size
        }
    }

    // MARK: Keys (RFC 5764 section 4.2)

    private func handshakeResult() throws(DTLSFailure) -> DTLSHandshakeResult {
        guard let selected = SSL_get_selected_srtp_profile(ssl),
            let profile = SRTPProfile(rawValue: UInt16(truncatingIfNeeded: selected.pointee.id))
        else { throw .noProtectionProfile }
        ERR_clear_error()
        guard let certificate = SSL_get1_peer_certificate(ssl) else {
            throw .refused(CryptoError.drained("dtls: the peer showed no certificate"))
        }
        defer { X509_free(certificate) }
        guard let der = Certificate.der(of: certificate) else {
            throw .refused(CryptoError.drained("dtls: the peer's certificate has no der form"))
        }
        let (keyLength, saltLength) = (profile.keyLength, profile.saltLength)
        var material = [UInt8](repeating: 0, count: 2 * (keyLength + saltLength))
        defer { material.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        let label = "EXTRACTOR-dtls_srtp"
        guard SSL_export_keying_material(ssl, &material, material.count, label, label.utf8.count, nil, 0, 0) == 1
        else { throw .refused(CryptoError.drained("dtls: keying material not exported")) }
        let salts = 2 * keyLength
        let client = SRTPMasterKey(
            profile: profile, key: Array(material[0..<keyLength]),
            salt: Array(material[salts..<salts + saltLength]))
        let server = SRTPMasterKey(
            profile: profile, key: Array(material[keyLength..<salts]),
            salt: Array(material[(salts + saltLength)...]))
        return DTLSHandshakeResult(
            peerCertificateDER: der, profile: profile,
            localKey: role == .client ? client : server, remoteKey: role == .client ? server : client,
            cipher: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)).map { String(cString: $0) } ?? "")
    }
}
