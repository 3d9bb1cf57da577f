internal import HTTPTransport
internal import Identity
internal import Primitives
internal import Records
internal import SessionRules

/// One try to log in, on its way from the serving thread over records and passwords back.
struct LoginAttempt: Sendable {
    let request: RequestID
    let name: String
    let password: Redacted<String>
    let address: IPAddress
    /// What the client is to get if it succeeds.
    var refreshToken: Redacted<String>?
    var family: String = ""
}

enum LoginOutcome: Sendable {
    case judged(LogInVerdict)
    /// The records cannot be read or written.
    case failed
}

extension RequestID {
    /// Under which the records are asked for its sake.
    var ticket: RecordTicket { RecordTicket(rawValue: rawValue) }
}

extension RecordTicket {
    /// The request for whose sake they were asked.
    var request: RequestID { RequestID(rawValue: rawValue) }
}
