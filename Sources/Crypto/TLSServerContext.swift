import COpenSSL

/// What a server's TLS connections share: its certificate and key. Made again when the files change; connections that are
/// open keep the one they began with.
public final class TLSServerContext: @unchecked Sendable {
    // Never changed after it is made; OpenSSL counts references to it with atomics.
    let context: OpaquePointer

    /// TLS 1.2 with authenticated encryption and forward secrecy (RFC 9325 section 4.2), and 1.3; session tickets; ALPN
    /// `http/1.1`.
    ///
    /// - Parameters:
    ///   - certificateFile: PEM, the whole chain, the server's own first.
    ///   - privateKeyFile: PEM.
    public init(certificateFile: String, privateKeyFile: String) throws(CryptoError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw CryptoError.drained("tls: no context") }
        copenssl_ctx_lean(context)
        copenssl_ctx_disable_session_cache(context)
        copenssl_ctx_serve_http(context)
        guard copenssl_ctx_set_min_proto_version(context, TLS1_2_VERSION) == 1,
            SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1,
            SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1,
            SSL_CTX_use_PrivateKey_file(context, privateKeyFile, SSL_FILETYPE_PEM) == 1,
            SSL_CTX_check_private_key(context) == 1
        else {
            let error = CryptoError.drained("tls: certificate and key do not fit")
            SSL_CTX_free(context)
            throw error
        }
        self.context = context
    }

    deinit { SSL_CTX_free(context) }
}
