/// The hash functions that STUN needs, passed in by the target with the library: this one knows no cryptography.
///
/// The functions are pure and may be called from anywhere.
public struct MessageAuthenticator: Sendable {
    /// HMAC-SHA1 (RFC 2104) over the message with the key: 20 bytes.
    public let hmacSHA1: @Sendable (_ message: Span<UInt8>, _ key: Span<UInt8>) -> [20 of UInt8]
    /// HMAC-SHA256 over the message with the key: 32 bytes.
    public let hmacSHA256: @Sendable (_ message: Span<UInt8>, _ key: Span<UInt8>) -> [32 of UInt8]
    /// MD5, for long-term keys only: 16 bytes.
    public let md5: @Sendable (_ message: Span<UInt8>) -> [UInt8]
    /// SHA-256, for long-term keys and user hashes: 32 bytes.
    public let sha256: @Sendable (_ message: Span<UInt8>) -> [UInt8]

    /// All four must be pure; they are called on the thread that handles the message.
    public init(
        hmacSHA1: @escaping @Sendable (_ message: Span<UInt8>, _ key: Span<UInt8>) -> [20 of UInt8],
        hmacSHA256: @escaping @Sendable (_ message: Span<UInt8>, _ key: Span<UInt8>) -> [32 of UInt8],
        md5: @escaping @Sendable (_ message: Span<UInt8>) -> [UInt8],
        sha256: @escaping @Sendable (_ message: Span<UInt8>) -> [UInt8]
    ) {
        self.hmacSHA1 = hmacSHA1
        self.hmacSHA256 = hmacSHA256
        self.md5 = md5
        self.sha256 = sha256
    }
}

/// What a message is signed with. It does not show in logs.
public struct IntegrityKey: Hashable, Sendable {
    /// Of any length; HMAC takes it as it is.
    public let bytes: [UInt8]

    /// A key that was made elsewhere; `shortTerm` and `longTerm` make them from passwords.
    @inlinable public init(bytes: [UInt8]) { self.bytes = bytes }

    /// The short-term key: the password itself (RFC 8489 section 9.1.1). The caller's password is ASCII or already
    /// prepared by OpaqueString.
    public static func shortTerm(password: String) -> IntegrityKey { IntegrityKey(bytes: Array(password.utf8)) }

    /// The long-term key (RFC 8489 section 9.2.2): hash of username ":" realm ":" password.
    public static func longTerm(
        username: String, realm: String, password: String, algorithm: PasswordAlgorithm,
        authenticator: MessageAuthenticator
    ) -> IntegrityKey {
        let text = Array("\(username):\(realm):\(password)".utf8)
        return switch algorithm {
        case .md5: IntegrityKey(bytes: authenticator.md5(text.span))
        case .sha256: IntegrityKey(bytes: authenticator.sha256(text.span))
        }
    }
}

extension IntegrityKey: CustomStringConvertible, CustomReflectable {
    public var description: String { "(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// How a long-term key is made (RFC 8489 section 18.5).
public enum PasswordAlgorithm: UInt16, Sendable {
    case md5 = 0x0001
    case sha256 = 0x0002
}
