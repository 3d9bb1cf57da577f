internal import Crypto
internal import JSON
internal import Primitives
public import SessionRules

/// A place in the chain of the audit: the next row's hash covers this one's.
public struct AuditLink: Hashable, Sendable {
    /// The row's; 0 before the first one.
    public var sequence: Int64
    /// The row's, 32 bytes; zeros before the first one.
    public var hash: [UInt8]

    /// As the records have it.
    public init(sequence: Int64, hash: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// Follows the chain of the audit from its beginning to its end, row by row. A beginning that was moved must be where a row of the
/// chain says that retention has moved it. What is missing behind the last row leaves no trace.
public struct AuditChain: Sendable {
    /// The last row that was followed, or the beginning.
    public private(set) var last: AuditLink
    private let beginning: Int64
    /// Whether a row says that the chain was cut where it begins.
    private var isWitnessed: Bool
    private var rows: Int64

    /// - Parameter beginning: the last row that retention has taken, or the place before the first one.
    public init(from beginning: AuditLink) {
        last = beginning
        self.beginning = beginning.sequence
        isWitnessed = beginning.sequence == 0
        rows = 0
    }

    /// Takes the row that is kept next.
    /// - Returns: `broken` where it does not follow; nothing may be followed after that.
    public mutating func follow(_ row: AuditRow) -> AuditVerdict? {
        guard row.sequence == last.sequence + 1 else {
            return .broken(sequence: last.sequence + 1, reason: "the row is missing")
        }
        guard row.hash == row.expectedHash(after: last.hash) else {
            return .broken(sequence: row.sequence, reason: "the row is not what was written")
        }
        // The deletion that a line announces goes in slices, and may be under way.
        if let end = row.prunedThrough, end >= beginning { isWitnessed = true }
        last = row.link
        rows += 1
        return nil
    }

    /// What is found once no row is left.
    public var verdict: AuditVerdict {
        isWitnessed
            ? .whole(rows: rows)
            : .broken(sequence: beginning, reason: "the rows up to here are missing, and no row says why")
    }
}

extension AuditRow {
    /// The row that an entry becomes behind `last`.
    public init(_ entry: AuditEntry, after last: AuditLink) {
        self.init(
            sequence: last.sequence + 1, at: entry.at, kind: entry.kind.rawValue, organization: entry.organization,
            actor: entry.principal, subject: entry.subject, details: entry.details, hash: [])
        hash = expectedHash(after: last.hash)
    }

    /// Its place in the chain.
    public var link: AuditLink { AuditLink(sequence: sequence, hash: hash) }

    /// SHA-256 over the hash of the row before and every field of this one, each text behind its length, so that no
    /// two different rows read the same.
    func expectedHash(after previous: [UInt8]) -> [UInt8] {
        var bytes = previous
        func append(_ number: Int64) {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
            }
        }
        append(sequence)
        append(at.milliseconds)
        for text in [organization, kind, actor, subject, details] {
            append(Int64(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        return Digest.hash(bytes.span, using: .sha256)
    }

    /// The last row that retention was going to delete, where that is what the row tells.
    var prunedThrough: Int64? {
        guard kind == AuditEntry.Kind.auditPruned.rawValue else { return nil }
        return (try? JSONValue(parsing: Array(details.utf8)))?["through"]?.integer
    }
}
