import COpenSSL
import Primitives

/// What all DTLS associations share: versions, ciphers, groups. Making it costs more than a session does, so it is
/// made once; certificate and profiles are a session's own.
enum DTLSContext {
    // Never changed after it is made; OpenSSL counts references to it with atomics.
    nonisolated(unsafe) static let shared: Result<OpaquePointer, CryptoError> = {
        do throws(CryptoError) { return .success(try make()) } catch { return .failure(error) }
    }()

    // AES-128-GCM first (RFC 8827 section 6.5 requires the ECDSA one), then what stronger or AES-less peers prefer.
    private static let ciphers = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
    ].joined(separator: ":")

    private static func make() throws(CryptoError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(DTLS_method()) else { throw CryptoError.drained("dtls: no context") }
        SSL_CTX_set_options(context, copenssl_dtls_options)
        copenssl_ctx_disable_session_cache(context)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT) { _, _ in
            // The fingerprint decides, in Swift: a self-signed certificate has no chain to check.
            1
        }
        guard copenssl_ctx_set_min_proto_version(context, DTLS1_2_VERSION) == 1,
            copenssl_ctx_set_max_proto_version(context, DTLS1_2_VERSION) == 1,
            SSL_CTX_set_cipher_list(context, ciphers) == 1,
            copenssl_ctx_set_groups_list(context, "X25519:P-256:P-384") == 1
        else {
            SSL_CTX_free(context)
            throw CryptoError.drained("dtls: context settings refused")
        }
        return context
    }

    /// First 400 ms, then doubled up to 3 s. RFC 6347 section 4.2.4.1 suggests 1 s and allows less for
    /// time-sensitive applications; a lost flight here is time without a picture.
    static let retransmissionInterval: @convention(c) (OpaquePointer?, UInt32) -> UInt32 = { _, previous in
        previous == 0 ? 400_000 : min(previous &* 2, 3_000_000)
    }
}

extension SRTPProfile {
    var opensslName: String {
        switch self {
        case .aes128CounterModeSHA1Tag80: "SRTP_AES128_CM_SHA1_80"
        case .aeadAES128GCM: "SRTP_AEAD_AES_128_GCM"
        case .aeadAES256GCM: "SRTP_AEAD_AES_256_GCM"
        }
    }
}
