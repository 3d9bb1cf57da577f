import COpenSSL
import Primitives

// TLS 1.2 and 1.3 towards a server, between two memory BIOs: bytes of the connection go in and come out, and whoever has
// the socket carries them. It never blocks and knows no time; the owner gives up on a handshake that takes too long.
//
//     handshaking ──▶ open ──▶ ended
//          └───────────┴─────▶ failed

/// The client's side of one TLS connection, its server checked by chain and name.
public struct TLSClient: ~Copyable, @unchecked Sendable {
    public enum Phase: Equatable, Sendable {
        /// → open, failed
        case handshaking
        /// → ended, failed
        case open
        /// The server's close_notify came. Final.
        case ended
        /// Final.
        case failed(CryptoError)
    }

    public private(set) var phase: Phase
    private let ssl: OpaquePointer
    // Owned by `ssl`.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// Reading goes through it; its capacity is kept.
    private var scratch: [UInt8]

    /// Begins the handshake: the hello waits in `takeOutgoing`.
    ///
    /// - Parameter serverName: a host name, which the server is also told (SNI, RFC 6066 section 3), or a literal address,
    ///   which it must not be. The certificate must be made for it (RFC 6125).
    public init(context: TLSClientContext, serverName: String) throws(CryptoError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.context) else { throw CryptoError.drained("tls: no session") }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw CryptoError.drained("tls: no memory bio")
        }
        SSL_set_bio(ssl, incoming, outgoing)
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
        SSL_set_connect_state(ssl)
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        phase = .handshaking
        scratch = [UInt8](repeating: 0, count: 16 * 1024)
        advance()
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

    /// Appends what the server has said; nothing while the handshake lasts.
    public mutating func read(into bytes: inout [UInt8]) {
        while phase == .open {
            ERR_clear_error()
            let count = SSL_read(ssl, &scratch, Int32(scratch.count))
            guard count > 0 else { return judge(count, "tls: connection failed") }
            bytes.append(contentsOf: scratch[..<Int(count)])
        }
    }

    /// Encrypts `bytes`; the connection must be open.
    public mutating func write(_ bytes: Span<UInt8>) {
        guard phase == .open, bytes.count > 0 else { return }
        ERR_clear_error()
        let count = bytes.withUnsafeBufferPointer { SSL_write(ssl, $0.baseAddress, Int32($0.count)) }
        // A memory BIO takes everything.
        if count <= 0 { judge(count, "tls: connection failed") }
    }

    /// Says close_notify.
    public mutating func close() {
        guard phase == .open else { return }
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
        phase = .ended
    }

    /// Appends what has to be sent to the server.
    public mutating func takeOutgoing(into bytes: inout [UInt8]) {
        while true {
            let count = BIO_read(outgoing, &scratch, Int32(scratch.count))
            guard count > 0 else { return }
            bytes.append(contentsOf: scratch[..<Int(count)])
        }
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
