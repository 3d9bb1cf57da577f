import Crypto
public import STUN

extension MessageAuthenticator {
    /// What the real agents use.
    public static var openSSL: MessageAuthenticator {
        MessageAuthenticator(
            hmacSHA1: { HMAC.sha1($0, key: $1) }, hmacSHA256: { HMAC.sha256($0, key: $1) },
            md5: { Digest.hash($0, using: .md5) }, sha256: { Digest.hash($0, using: .sha256) })
    }
}
