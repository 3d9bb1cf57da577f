import Crypto
import Primitives
import STUN

extension MessageAuthenticator {
    /// STUN's hash functions from OpenSSL: the pure target asks for them, the target with the library has them.
    static let openSSL = MessageAuthenticator(
        hmacSHA1: { HMAC.sha1($0, key: $1) }, hmacSHA256: { HMAC.sha256($0, key: $1) },
        md5: { Digest.hash($0, using: .md5) }, sha256: { Digest.hash($0, using: .sha256) })
}
