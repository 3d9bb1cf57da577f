internal import CJOSE
internal import Crypto
internal import Glibc
public import Primitives

/// A key that signs access tokens: ECDSA on P-256, `ES256` of RFC 7518.
///
/// A class because libcjose counts references; it stays on the thread that made it.
public final class TokenKey {
    /// The key's name in a token's header.
    public let id: String
    private let handle: OpaquePointer

    private init(id: String, takingOwnershipOf handle: OpaquePointer) {
        self.id = id
        self.handle = handle
    }

    deinit { cjose_jwk_release(handle) }

    /// A new key as JSON Web Key (RFC 7517), with its private part: for the database and nothing else.
    public static func generate() -> (id: String, jwk: Redacted<String>) {
        let id = Hex.encode(SecureRandom.bytes(8).span)
        guard let handle = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, nil) else {
            preconditionFailure("token key: the library lacks the curve this program is built on")
        }
        defer { cjose_jwk_release(handle) }
        guard cjose_jwk_set_kid(handle, id, id.utf8.count, nil), let text = cjose_jwk_to_json(handle, true, nil) else {
            preconditionFailure("token key: out of memory")
        }
        defer { free(text) }
        return (id, Redacted(String(cString: text)))
    }

    /// Nil when the text is no key of this kind.
    public convenience init?(id: String, jwk: Redacted<String>) {
        guard let handle = cjose_jwk_import(jwk.unredacted, jwk.unredacted.utf8.count, nil) else { return nil }
        guard cjose_jwk_get_kty(handle, nil) == CJOSE_JWK_KTY_EC,
            cjose_jwk_EC_get_curve(handle, nil) == CJOSE_JWK_EC_P_256
        else {
            cjose_jwk_release(handle)
            return nil
        }
        self.init(id: id, takingOwnershipOf: handle)
    }

    /// A JWS in compact form (RFC 7515 section 7.1) over `payload`.
    func sign(_ payload: [UInt8]) -> String? {
        guard let header = cjose_header_new(nil) else { return nil }
        defer { cjose_header_release(header) }
        guard cjose_header_set(header, "alg", "ES256", nil),
            cjose_header_set(header, "kid", id, nil), cjose_header_set(header, "typ", "JWT", nil),
            let jws = cjose_jws_sign(handle, header, payload, payload.count, nil)
        else { return nil }
        defer { cjose_jws_release(jws) }
        var text: UnsafePointer<CChar>?
        guard cjose_jws_export(jws, &text, nil), let text else { return nil }
        return String(cString: text)
    }

    /// The payload of a token that this key signed with the one algorithm we use; nil for anything else.
    func verify(_ token: borrowing SignedToken) -> [UInt8]? {
        guard token.algorithm == "ES256", token.keyId == id, cjose_jws_verify(token.handle, handle, nil) else {
            return nil
        }
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        guard cjose_jws_get_plaintext(token.handle, &bytes, &count, nil), let bytes else { return nil }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }
}

@available(*, unavailable, message: "libcjose counts references without atomics")
extension TokenKey: Sendable {}

/// A JWS that was read but not believed yet.
struct SignedToken: ~Copyable {
    let handle: OpaquePointer
    let algorithm: String?
    let keyId: String?

    /// Longer than any token of ours.
    private static let lengthLimit = 4096

    init?(_ text: Redacted<String>) {
        let count = text.unredacted.utf8.count
        guard count <= SignedToken.lengthLimit, SignedToken.isCompact(text.unredacted),
            let jws = cjose_jws_import(text.unredacted, count, nil)
        else {
            return nil
        }
        handle = jws
        let header = cjose_jws_get_protected(jws)
        algorithm = SignedToken.member("alg", of: header)
        keyId = SignedToken.member("kid", of: header)
    }

    deinit { cjose_jws_release(handle) }

    /// Three parts in exact base64url with a signature of ES256's length: the library itself is more lenient, and one
    /// token must have one text.
    private static func isCompact(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return false }
        let decoded = parts.map { Base64.decode($0, alphabet: .url) }
        return decoded.allSatisfy { $0?.isEmpty == false } && decoded[2]?.count == 64
    }

    private static func member(_ name: UnsafePointer<CChar>, of header: OpaquePointer?) -> String? {
        guard let header, let text = cjose_header_get(header, name, nil) else { return nil }
        return String(cString: text)
    }
}
