import Crypto
public import SCTP

extension CookieAuthenticator {
    /// With the library's HMAC and a key of the tests.
    public static let openSSL = CookieAuthenticator(key: Array(0..<32)) { message, key in
        HMAC.sha256(message, key: key)
    }
}
