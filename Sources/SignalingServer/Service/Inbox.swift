internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import SessionRules

/// What the workers tell the serving thread.
enum ServerMessage: Sendable {
    case directory(DirectoryRecord)
    case crewStored(CrewRecord, isNew: Bool, PendingReply)
    case crewFailed(PendingReply)
    case sessionStored(String)
    case sessionNotStored(String)
    case respond(RequestID, HTTPResponse)
    case listRead(RequestID, ListReader, ListReader.Piece)
    case listFailed(RequestID)
    /// The records were changed here; the directory is up to date before the answer is out.
    case changed(DirectoryRecord, RequestID, HTTPResponse)
    case credentialsRead(LoginAttempt, StoredCredentials?)
    case loginFinished(LoginAttempt, LoginOutcome)
    case refreshFinished(RequestID, Store.RefreshOutcome, next: Redacted<String>)
    case familyRevoked(String)
    /// Whether they can be written; said when it changes.
    case recordsChecked(RecordsHealth)
    case signal(SignalSource.Signal)
}

/// Messages from any thread to the serving one, whose transport they wake.
typealias Inbox = Mailbox<ServerMessage>
