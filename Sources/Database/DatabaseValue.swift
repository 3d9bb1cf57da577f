/// A value of SQLite's five storage classes.
public enum DatabaseValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

/// What can be bound to a statement's parameters.
public protocol DatabaseBindable {
    var databaseValue: DatabaseValue { get }
}

extension DatabaseValue: DatabaseBindable {
    /// Itself.
    public var databaseValue: DatabaseValue { self }
}
extension Int64: DatabaseBindable {
    /// INTEGER.
    public var databaseValue: DatabaseValue { .integer(self) }
}
extension Int: DatabaseBindable {
    /// INTEGER.
    public var databaseValue: DatabaseValue { .integer(Int64(self)) }
}
extension Bool: DatabaseBindable {
    /// INTEGER, 0 or 1.
    public var databaseValue: DatabaseValue { .integer(self ? 1 : 0) }
}
extension Double: DatabaseBindable {
    /// REAL. SQLite stores NaN as NULL.
    public var databaseValue: DatabaseValue { .real(self) }
}
extension String: DatabaseBindable {
    /// TEXT in UTF-8.
    public var databaseValue: DatabaseValue { .text(self) }
}
extension [UInt8]: DatabaseBindable {
    /// BLOB.
    public var databaseValue: DatabaseValue { .blob(self) }
}
extension Optional: DatabaseBindable where Wrapped: DatabaseBindable {
    /// NULL for nil.
    public var databaseValue: DatabaseValue { self?.databaseValue ?? .null }
}
