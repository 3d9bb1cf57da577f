public import Primitives
public import Signaling

/// Who may log in, without the password.
public struct Account: Hashable, Sendable {
    public var id: String
    public var role: Role
    public var organization: String
    public var displayName: String
    public var isDisabled: Bool
    public var createdAt: WallClock
    /// When a kiosk was last online.
    public var lastSeenAt: WallClock?
    /// Access tokens issued before are void, of those that carry no generation.
    public var tokensValidFrom: WallClock
    /// Which access tokens are the account's: those that carry it. Drawn anew with every change that voids them, and with
    /// every account, so that one that is removed and added again inherits none. Times would not do: clocks step.
    /// 0 in accounts of before there were generations, otherwise positive and exact as a JSON number (RFC 8259 section 6).
    public var generation: Int64
    /// What a kiosk said of itself when it last registered.
    public var version: String?
    public var hostname: String?

    public init(
        id: String, role: Role, organization: String, displayName: String, isDisabled: Bool = false,
        createdAt: WallClock, lastSeenAt: WallClock? = nil, tokensValidFrom: WallClock,
        generation: Int64
    ) {
        self.id = id
        self.role = role
        self.organization = organization
        self.displayName = displayName
        self.isDisabled = isDisabled
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.tokensValidFrom = tokensValidFrom
        self.generation = generation
        version = nil
        hostname = nil
    }
}

/// What an account's fields must look like. Returns the rule that is broken.
public enum AccountRule {
    public static let minimumPasswordLength = 10
    public static let maximumPasswordLength = 256

    /// A name that is safe in logs, URLs, TURN user names and on command lines.
    public static func id(_ text: String) -> String? {
        let isLegal = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F, 0x40].contains($0)
        }
        return (1...64).contains(text.utf8.count) && isLegal
            ? nil : "must be 1 to 64 letters, digits or any of - . _ @"
    }

    public static func organization(_ text: String) -> String? { id(text) }

    public static func displayName(_ text: String) -> String? {
        (1...64).contains(text.unicodeScalars.count) && TextRule.line.allows(text)
            ? nil : "must be 1 to 64 characters, none of them a control character or one that turns the order of text"
    }

    public static func password(_ text: String) -> String? {
        // A C string ends there, and the hash would be that of the beginning.
        guard TextRule.secret.allows(text) else { return "must not contain U+0000" }
        if text.unicodeScalars.count < minimumPasswordLength {
            return "must have at least \(minimumPasswordLength) characters"
        }
        return text.unicodeScalars.count > maximumPasswordLength
            ? "must have at most \(maximumPasswordLength) characters" : nil
    }
}
