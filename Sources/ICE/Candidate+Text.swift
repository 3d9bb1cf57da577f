extension Candidate {
    /// Parses the attribute's text with or without `a=` and `candidate:` (RFC 8839 section 5.1).
    public init(_ text: String) throws(CandidateParseError) { throw .tooLong }
    /// `candidate:…`, as it goes into `RTCIceCandidate.candidate` and behind `a=`.
    public var attribute: String { "" }
}
/// Why a text is no candidate.
public enum CandidateParseError: Error, Hashable, Sendable {
    case tooLong, notACandidate, fieldMissing(String), fieldInvalid(String)
}
