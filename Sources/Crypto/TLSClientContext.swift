import COpenSSL

/// What the TLS connections to servers share: versions, and whose certificates are trusted. Made once, because reading
/// the authorities takes longer than a connection.
public final class TLSClientContext: @unchecked Sendable {
    // Never changed after it is made; OpenSSL counts references to it with atomics.
    let context: OpaquePointer

    /// - Parameter authorities: a PEM file of the authorities to trust; nil takes the system's.
    public init(authorities: String?) throws(CryptoError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw CryptoError.drained("tls: no context") }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        copenssl_ctx_disable_session_cache(context)
        copenssl_ctx_lean(context)
        let trusts =
            if let authorities {
                SSL_CTX_load_verify_locations(context, authorities, nil)
            } else {
                SSL_CTX_set_default_verify_paths(context)
            }
        guard copenssl_ctx_set_min_proto_version(context, TLS1_2_VERSION) == 1, trusts == 1 else {
            let error = CryptoError.drained("tls: authorities not readable")
            SSL_CTX_free(context)
            throw error
        }
        self.context = context
    }

    deinit { SSL_CTX_free(context) }
}
