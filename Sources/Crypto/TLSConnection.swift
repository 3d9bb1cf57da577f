import COpenSSL
import Primitives

// TLS 1.2 and 1.3, either side, between two memory BIOs: bytes of the connection go in and come out, and the owner
// of the socket carries them. It never blocks and knows no time; the owner gives up on a handshake that takes too long.
//
//     handshaking ──▶ open ──▶ ended
//          └───────────┴─────▶ failed

/// One TLS connection: a client's, whose server is checked by chain and name, or a server's.
public struct TLSConnection: ~Copyable, @unchecked Sendable {
    /// The connection's life; each case says where it may go next.
    public enum Phase: Equatable, Sendable {
        /// → open, failed
        case handshaking
        /// → ended, failed
        case open
        /// The other side's close_notify came; this side may still write (RFC 8446 section 6.1). Final.
        case ended
        /// Final.
        case failed(CryptoError)
    }

    /// Where the connection is now.
    public private(set) var phase: Phase
    /// This side has said close_notify.
    private var hasClosed: Bool
    private let ssl: OpaquePointer
    // Owned by `ssl`.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    /// Begins the handshake: the hello waits in `takeOutgoing`.
    ///
    /// - Parameter serverName: a host name, which the server is also told (SNI, RFC 6066 section 3), or a literal address,
    ///   which it must not be. The certificate must be made for it (RFC 6125).
    /// - Parameter applicationProtocol: the one name offered by ALPN (RFC 7301); nil offers none.
    public init(
        context: TLSClientContext, serverName: String, applicationProtocol: String? = nil
    ) throws(CryptoError) {
        let (ssl, incoming, outgoing) = try TLSConnection.session(context.context)
        let isNamed =
            if IPAddress(serverName) != nil {
                X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), serverName) == 1
            } else {
                copenssl_set_server_name(ssl, serverName) == 1 && SSL_set1_host(ssl, serverName) == 1
            }
        guard isNamed else {
            SSL_free(ssl)
            throw CryptoError.drained("tls: server name refused")
        }
        if let applicationProtocol {
            let name = [UInt8(applicationProtocol.utf8.count)] + Array(applicationProtocol.utf8)
            // This one function gives 0 for success.
            guard SSL_set_alpn_protos(ssl, name, UInt32(name.count)) == 0 else {
                SSL_free(ssl)
                throw CryptoError.drained("tls: application protocol refused")
            }
        }
        SSL_set_connect_state(ssl)
        (self.ssl, self.incoming, self.outgoing) = (ssl, incoming, outgoing)
        (phase, hasClosed) = (.handshaking, false)
        advance()
    }

    /// Waits for a client's hello.
    public init(context: TLSServerContext) throws(CryptoError) {
        (ssl, incoming, outgoing) = try TLSConnection.session(context.context)
        SSL_set_accept_state(ssl)
        (phase, hasClosed) = (.handshaking, false)
    }

    /// A session between two memory BIOs, which it owns.
    private static func session(
        _ context: OpaquePointer
    ) throws(CryptoError) -> (ssl: OpaquePointer, incoming: OpaquePointer, outgoing: OpaquePointer) {
        ERR_clear_error()
        guard let ssl = SSL_new(context) else { throw CryptoError.drained("tls: no session") }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw CryptoError.drained("tls: no memory bio")
        }
        SSL_set_bio(ssl, incoming, outgoing)
        return (ssl, incoming, outgoing)
    }

    deinit { SSL_free(ssl) }

    /// Bytes of the connection. What they mean is then in `read`.
    public mutating func receive(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return }
            _ = BIO_write(incoming, start, Int32(buffer.count))
        }
        advance()
    }

    /// Appends what the other side has said; nothing while the handshake lasts.
    public mutating func read(into bytes: inout [UInt8]) {
        let ssl = ssl
        let result: Int32? = withUnsafeTemporaryAllocation(byteCount: TLSConnection.recordSize, alignment: 16) {
            scratch in
            guard phase == .open else { return nil }
            while true {
                ERR_clear_error()
                let count = SSL_read(ssl, scratch.baseAddress, Int32(scratch.count))
                guard count > 0 else { return count }
                bytes.append(contentsOf: scratch[..<Int(count)])
            }
        }
        if let result { judge(result, "tls: connection failed") }
    }

    /// Whether this side may write.
    public var isWritable: Bool {
        switch phase {
        case .open, .ended: !hasClosed
        case .handshaking, .failed: false
        }
    }

    /// Encrypts `bytes`; the connection must be writable.
    public mutating func write(_ bytes: Span<UInt8>) {
        guard isWritable, bytes.count > 0 else { return }
        ERR_clear_error()
        let count = bytes.withUnsafeBufferPointer { SSL_write(ssl, $0.baseAddress, Int32($0.count)) }
        // A memory BIO takes everything.
        if count <= 0 { judge(count, "tls: connection failed") }
    }

    /// Says close_notify, once. What the other side still says can be read.
    public mutating func close() {
        guard isWritable else { return }
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
        hasClosed = true
    }

    /// Bytes of one record (RFC 8446 section 5.1): what one `write` seals without growing.
    public static let recordSize = 16 * 1024

    /// Appends what has to be sent to the other side.
    public mutating func takeOutgoing(into bytes: inout [UInt8]) {
        var start: UnsafeMutablePointer<CChar>?
        let count = copenssl_mem_bio_peek(outgoing, &start)
        guard count > 0, let start else { return }
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
        _ = BIO_ctrl(outgoing, BIO_CTRL_RESET, 0, nil)
    }

    /// What a client found of its server's certificate; also of one that it refused.
    public var verdict: CertificateVerdict { CertificateVerdict(SSL_get_verify_result(ssl)) }

    /// The chain that a client built from its server's certificate, that one first; empty before there is one. Also of a
    /// server that was refused.
    public var serverChain: [PeerCertificate] {
        guard let chain = SSL_get0_verified_chain(ssl) else { return [] }
        return (0..<copenssl_chain_count(chain)).compactMap { PeerCertificate(copenssl_chain_entry(chain, $0)) }
    }

    private mutating func advance() {
        guard phase == .handshaking else { return }
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        guard result != 1 else {
            phase = .open
            return
        }
        judge(result, "tls: handshake failed")
    }

    private mutating func judge(_ result: Int32, _ operation: String) {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
        case SSL_ERROR_ZERO_RETURN: phase = .ended
        default:
            var error = CryptoError.drained(operation)
            let verdict = SSL_get_verify_result(ssl)
            if verdict != X509_V_OK, let text = X509_verify_cert_error_string(verdict) {
                error.reasons.append(String(cString: text))
            }
            phase = .failed(error)
        }
    }
}
