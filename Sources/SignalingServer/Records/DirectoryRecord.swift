public import SessionRules

/// What the serving thread needs to know of accounts, keys and revoked tokens, at one moment of the records.
public struct DirectoryRecord: Sendable {
    public var accounts: [Account]
    /// Oldest first.
    public var keys: [Tokens.StoredKey]
    /// Families whose access tokens may not have expired yet.
    public var revokedFamilies: Set<String>

    /// Without the keys.
    var directory: Directory.Snapshot { Directory.Snapshot(accounts: accounts, revokedFamilies: revokedFamilies) }
}
