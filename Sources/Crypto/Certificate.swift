import COpenSSL
public import Primitives

/// A self-signed certificate with its private key, made for one session so that sessions cannot be linked
/// (RFC 8827 section 6.5). The key never leaves OpenSSL's memory.
public struct Certificate: ~Copyable, @unchecked Sendable {
    // Both are reference counted with atomics by OpenSSL and never changed after init.
    let x509: OpaquePointer
    let privateKey: OpaquePointer
    /// The certificate in DER.
    public let der: [UInt8]

    /// Which key the certificate is made for.
    public enum KeyType: Sendable {
        /// The curve every WebRTC endpoint must support (RFC 8827 section 6.5); about a tenth of a millisecond.
        case ecdsaP256
        /// Slow to make (tens of milliseconds and more): for tests against peers that use RSA.
        case rsa2048
    }

    /// A fresh certificate with a random 64-bit serial number and name.
    ///
    /// It is valid from a day before `now`, because a kiosk's clock may run ahead of the peer's.
    public init(
        keyType: KeyType = .ecdsaP256, lifetime: Duration = .seconds(30 * 86_400), now: WallClock
    ) throws(CryptoError) {
        ERR_clear_error()
        let generated =
            switch keyType {
            case .ecdsaP256: copenssl_generate_p256()
            case .rsa2048: copenssl_generate_rsa(2048)
            }
        guard let privateKey = generated else { throw CryptoError.drained("certificate: key generation failed") }
        guard let x509 = X509_new() else {
            EVP_PKEY_free(privateKey)
            throw CryptoError.drained("certificate: out of memory")
        }
        let start = Int(now.secondsSince1970) - 86_400
        let end = Int(now.secondsSince1970) + Int(lifetime.seconds)
        var random = SecureRandom.bytes(16)
        random[0] &= 0x7F
        random[0] |= 0x40
        let serial = random[0..<8].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let name = Array("kiosk-\(Hex.encode(random.span.extracting(8..<16)))".utf8)
        let subject = X509_get_subject_name(x509)
        guard X509_set_version(x509, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial) == 1,
            ASN1_TIME_set(X509_getm_notBefore(x509), start) != nil,
            ASN1_TIME_set(X509_getm_notAfter(x509), end) != nil,
            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, Int32(name.count), -1, 0) == 1,
            X509_set_issuer_name(x509, subject) == 1,
            X509_set_pubkey(x509, privateKey) == 1,
            X509_sign(x509, privateKey, EVP_sha256()) > 0,
            let der = Certificate.der(of: x509)
        else {
            X509_free(x509)
            EVP_PKEY_free(privateKey)
            throw CryptoError.drained("certificate: signing failed")
        }
        self.x509 = x509
        self.privateKey = privateKey
        self.der = der
    }

    deinit {
        X509_free(x509)
        EVP_PKEY_free(privateKey)
    }

    /// The hash that goes into the SDP.
    public func fingerprint(_ algorithm: Fingerprint.Algorithm = .sha256) -> Fingerprint {
        Fingerprint(ofDER: der.span, algorithm: algorithm)
    }

    static func der(of x509: OpaquePointer) -> [UInt8]? {
        let size = i2d_X509(x509, nil)
        guard size > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            var end = buffer.baseAddress
            count = max(0, Int(i2d_X509(x509, &end)))
        }
    }
}
