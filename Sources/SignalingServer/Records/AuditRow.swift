internal import Crypto
public import Primitives

/// An audit line as it is kept.
public struct AuditRow: Hashable, Sendable {
    public var sequence: Int64
    public var at: WallClock
    public var kind: String
    public var organization: String
    public var actor: String
    public var subject: String
    public var details: String
    public var hash: [UInt8]

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
}
