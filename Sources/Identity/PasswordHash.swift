internal import CArgon2
internal import Crypto
public import Primitives

/// A password as it is stored: Argon2id with a random salt, in the PHC string form that names its own parameters.
///
/// Source: RFC 9106; 19 MiB and two passes are the OWASP password storage cheat sheet's first choice for one lane,
/// and about 40 ms on the machines this runs on. Never call it on a thread that serves sockets.
public struct PasswordHash: Hashable, Sendable {
    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    public let encoded: String

    private static let memoryKiB: UInt32 = 19 * 1024
    private static let passes: UInt32 = 2
    private static let lanes: UInt32 = 1
    private static let saltLength = 16
    private static let hashLength = 32

    /// A hash as the records keep it; nothing is checked, and one that is malformed matches no password.
    public init(encoded: String) { self.encoded = encoded }

    /// Hashes a password under a new salt.
    public init(of password: Redacted<String>) {
        let salt = SecureRandom.bytes(PasswordHash.saltLength)
        let secret = Array(password.unredacted.utf8)
        let length = argon2_encodedlen(
            PasswordHash.passes, PasswordHash.memoryKiB, PasswordHash.lanes, UInt32(PasswordHash.saltLength),
            UInt32(PasswordHash.hashLength), Argon2_id)
        var text = [CChar](repeating: 0, count: length)
        let code = argon2id_hash_encoded(
            PasswordHash.passes, PasswordHash.memoryKiB, PasswordHash.lanes, secret, secret.count, salt, salt.count,
            PasswordHash.hashLength, &text, length)
        precondition(code == ARGON2_OK.rawValue, "password hash: out of memory")
        encoded = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether this is the password. Takes the same time whatever the answer.
    public func matches(_ password: Redacted<String>) -> Bool {
        let secret = Array(password.unredacted.utf8)
        return argon2id_verify(encoded, secret, secret.count) == ARGON2_OK.rawValue
    }

    /// What the password of an unknown name is compared with, so that it takes as long as a known one's.
    public static let decoy = PasswordHash(of: Redacted(Base64.encode(SecureRandom.bytes(24).span)))
}
