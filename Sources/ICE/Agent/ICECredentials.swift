public import Primitives

/// The username fragment and password of one side (RFC 8445 section 5.3). They do not show in logs.
public struct ICECredentials: Hashable, Sendable {
    /// 4 to 256 characters.
    public var usernameFragment: String
    /// 22 to 256 characters.
    public var password: String

    /// Takes what a description says; nil when it breaks the grammar of RFC 8839 section 5.4, to which `-`, `_` and `=`
    /// are added: some stacks use them, and they harm nothing.
    public init?(usernameFragment: String, password: String) {
        guard (4...256).contains(usernameFragment.utf8.count), usernameFragment.utf8.allSatisfy(isCredentialCharacter),
            (22...256).contains(password.utf8.count), password.utf8.allSatisfy(isCredentialCharacter)
        else { return nil }
        self.usernameFragment = usernameFragment
        self.password = password
    }

    private init(unchecked usernameFragment: String, _ password: String) {
        self.usernameFragment = usernameFragment
        self.password = password
    }

    /// Fresh ones: 48 random bits of fragment and 144 of password ("at least 24 bits", "at least 128 bits").
    public static func random(using random: inout RandomSource) -> ICECredentials {
        ICECredentials(unchecked: text(8, using: &random), text(24, using: &random))
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func text(_ count: Int, using random: inout RandomSource) -> String {
        String(decoding: (0..<count).map { _ in alphabet[Int(random.next() & 63)] }, as: UTF8.self)
    }
}

extension ICECredentials: CustomStringConvertible, CustomReflectable {
    public var description: String { "(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What credentials consist of: ice-chars, and what some stacks take for them.
func isCredentialCharacter(_ byte: UInt8) -> Bool {
    isICECharacter(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "=")
}

/// ice-char = ALPHA / DIGIT / "+" / "/" (RFC 8839 section 5.1).
func isICECharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
        true
    default: false
    }
}
