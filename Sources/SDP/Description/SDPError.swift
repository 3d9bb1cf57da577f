/// Why a text is not a session description (RFC 8866 section 9).
public enum SDPError: Error, Equatable, Sendable {
    /// Longer than `SessionDescription.maximumLength` bytes.
    case tooLong(bytes: Int)
    /// More media sections than `SessionDescription.maximumMediaSections`.
    case tooManyMediaSections
    /// More attributes than `SessionDescription.maximumAttributes`, or more before the first section than
    /// `maximumSessionAttributes`.
    case tooManyAttributes
    /// The first line is not `v=0`.
    case versionMissing
    /// A line, counted from 1, is not a lower-case letter, `=` and a value.
    case malformedLine(number: Int)
    /// An `m=` line, counted from 1, that lacks a part or has a port beyond 65,535.
    case malformedMediaLine(number: Int)
    /// An `o=` line, counted from 1, without its six parts.
    case malformedOrigin(number: Int)
}

extension SDPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let bytes): "sdp: description longer than \(SessionDescription.maximumLength) bytes (\(bytes))"
        case .tooManyMediaSections: "sdp: more than \(SessionDescription.maximumMediaSections) media sections"
        case .tooManyAttributes: "sdp: more than \(SessionDescription.maximumAttributes) attributes"
        case .versionMissing: "sdp: first line is not v=0"
        case .malformedLine(let number): "sdp: malformed line (\(number))"
        case .malformedMediaLine(let number): "sdp: malformed media line (\(number))"
        case .malformedOrigin(let number): "sdp: malformed origin (\(number))"
        }
    }
}

/// Why an offer cannot be answered at all. Sections that alone cannot be served do not lead here: they are
/// rejected in the answer, with their reason in `NegotiatedMedia.rejection`.
public enum NegotiationError: Error, Equatable, Sendable {
    /// Audio or video was offered, but nothing of it in a codec of ours.
    case noCommonCodec
    /// No section of the offer can be served, for other reasons than its codecs.
    case nothingToServe
    /// No `ice-ufrag` and `ice-pwd`, or ones outside the grammar of RFC 8839 section 5.4.
    case iceCredentialsMissing
    /// No fingerprint with a hash function that is still trusted (RFC 8122 section 5).
    case fingerprintMissing
    /// An `a=setup` other than `actpass`, `active` and `passive` (RFC 8842 section 5.2).
    case unsupportedSetup(String)
    /// An offer with fewer sections than the one before (RFC 3264 section 8).
    case sectionsRemoved
}

extension NegotiationError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noCommonCodec: "sdp: no common codec"
        case .nothingToServe: "sdp: no media section that can be served"
        case .iceCredentialsMissing: "sdp: ice credentials missing or malformed"
        case .fingerprintMissing: "sdp: fingerprint missing before dtls"
        case .unsupportedSetup(let value): "sdp: setup not supported (\(value.prefix(20)))"
        case .sectionsRemoved: "sdp: a later offer has fewer media sections"
        }
    }
}
