internal import HTTPTransport
internal import Identity
internal import Primitives
internal import Records

/// What a client gets if its log-in, or the trade of its refresh token, succeeds.
struct NewTokens: Sendable {
    /// Empty where the family is there already.
    var family: String = ""
    var refreshToken: Redacted<String>
}

extension RequestID {
    /// Under which the records are asked for its sake.
    var ticket: RecordTicket { RecordTicket(rawValue: rawValue) }
}

extension RecordTicket {
    /// The request for whose sake they were asked.
    var request: RequestID { RequestID(rawValue: rawValue) }
}
