internal import HTTPTransport
internal import Primitives
internal import Records

extension RequestID {
    /// Under which the records are asked for its sake.
    var ticket: RecordTicket { RecordTicket(rawValue: rawValue) }
}

extension RecordTicket {
    /// The request for whose sake they were asked.
    var request: RequestID { RequestID(rawValue: rawValue) }
}
