/// What following the whole chain found.
public enum AuditVerdict: Equatable, Sendable {
    case whole(rows: Int64)
    /// The first row that is not what was written, or whose predecessor is gone.
    case broken(sequence: Int64, reason: String)
}
