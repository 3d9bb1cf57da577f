import COpenSSL

/// A cryptographic hash function.
public enum DigestAlgorithm: Sendable, CaseIterable {
    /// Only for the long-term credential keys of STUN and TURN (RFC 8489 section 9.2.2).
    case md5
    case sha1, sha256, sha384, sha512

    /// Bytes of the result.
    public var byteCount: Int {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    var evp: OpaquePointer {
        switch self {
        case .md5: EVP_md5()
        case .sha1: EVP_sha1()
        case .sha256: EVP_sha256()
        case .sha384: EVP_sha384()
        case .sha512: EVP_sha512()
        }
    }
}

/// Hashes of whole messages.
public enum Digest {
    /// The hash of `bytes`, `algorithm.byteCount` bytes long.
    public static func hash(_ bytes: Span<UInt8>, using algorithm: DigestAlgorithm) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) { result, count in
            let done = bytes.withUnsafeBufferPointer {
                EVP_Digest($0.baseAddress, $0.count, result.baseAddress, nil, algorithm.evp, nil)
            }
            precondition(done == 1, "digest: the library lacks a hash function this program is built on")
            count = algorithm.byteCount
        }
    }

    /// The hash of a text's UTF-8 bytes.
    public static func hash(utf8 text: String, using algorithm: DigestAlgorithm) -> [UInt8] {
        let bytes = Array(text.utf8)
        return hash(bytes.span, using: algorithm)
    }
}

/// Keyed message authentication (RFC 2104).
public enum HMAC {
    /// HMAC-SHA1, 20 bytes: STUN's MESSAGE-INTEGRITY (RFC 8489 section 14.5). Allocates nothing in Swift.
    public static func sha1(_ message: Span<UInt8>, key: Span<UInt8>) -> [20 of UInt8] {
        var code = [20 of UInt8](repeating: 0)
        var span = code.mutableSpan
        authenticate(message, key: key, using: .sha1, into: &span)
        return code
    }

    /// HMAC-SHA256, 32 bytes.
    public static func sha256(_ message: Span<UInt8>, key: Span<UInt8>) -> [32 of UInt8] {
        var code = [32 of UInt8](repeating: 0)
        var span = code.mutableSpan
        authenticate(message, key: key, using: .sha256, into: &span)
        return code
    }

    /// The code over `message`, `algorithm.byteCount` bytes long.
    public static func authenticate(
        _ message: Span<UInt8>, key: Span<UInt8>, using algorithm: DigestAlgorithm
    ) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: algorithm.byteCount)
        var span = code.mutableSpan
        authenticate(message, key: key, using: algorithm, into: &span)
        return code
    }

    private static func authenticate(
        _ message: Span<UInt8>, key: Span<UInt8>, using algorithm: DigestAlgorithm, into code: inout MutableSpan<UInt8>
    ) {
        precondition(code.count == algorithm.byteCount, "hmac: the result has another length")
        let done = message.withUnsafeBufferPointer { message in
            key.withUnsafeBufferPointer { key in
                code.withUnsafeMutableBufferPointer { code in
                    // A null key means "the previous key" to this call, so an empty one needs an address.
                    var empty: UInt8 = 0
                    return withUnsafePointer(to: &empty) { empty in
                        COpenSSL.HMAC(
                            algorithm.evp, key.baseAddress ?? empty, Int32(key.count), message.baseAddress ?? empty,
                            message.count, code.baseAddress, nil)
                    }
                }
            }
        }
        precondition(done != nil, "hmac: the library lacks a hash function this program is built on")
    }
}

/// Random bytes that cannot be guessed, from OpenSSL's generator, which the kernel seeds.
public enum SecureRandom {
    /// Traps when the generator has no seed, which a running Linux never lacks.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "secure random: the generator has no seed")
            initialized = count
        }
    }
}

/// Whether both hold the same bytes, in a time that depends only on their lengths: for codes, tokens and digests.
public func constantTimeEqual(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    return a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in a.isEmpty || CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0 }
    }
}
