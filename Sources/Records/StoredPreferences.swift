/// What an account keeps for the pages that it uses: a JSON object that only those read.
public struct StoredPreferences: Hashable, Sendable {
    /// JSON text, byte for byte as it came.
    public var document: [UInt8]
    /// Grows with every change; 0 where nothing was kept yet.
    public var revision: Int64

    /// As the records have it.
    public init(document: [UInt8], revision: Int64) {
        self.document = document
        self.revision = revision
    }

    /// Of an account that has kept nothing.
    public static let none = StoredPreferences(document: Array("{}".utf8), revision: 0)
}

/// A change of what an account keeps.
public struct PreferencesChange: Sendable {
    /// Whose they are.
    public var account: String
    /// JSON text of an object.
    public var document: [UInt8]
    /// The revisions of which one must be the kept one; nil for any.
    public var expected: Set<Int64>?

    /// A change that is made where one of the expected revisions is the kept one.
    public init(account: String, document: [UInt8], expected: Set<Int64>?) {
        self.account = account
        self.document = document
        self.expected = expected
    }
}

/// What became of a change of preferences.
public enum PreferencesOutcome: Hashable, Sendable {
    case kept(revision: Int64)
    /// Another window was faster: nothing was kept.
    case changedMeanwhile(revision: Int64)
    /// The account was removed meanwhile.
    case noSuchAccount
}
