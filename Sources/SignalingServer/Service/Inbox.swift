internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import SessionRules
internal import Synchronization

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

/// Messages from any thread to the serving one, which sleeps in the transport and not on a descriptor.
final class Inbox: Sendable {
    private let queue = Mutex(RingBuffer<ServerMessage>())
    private let waker: ServiceWaker

    init(waker: ServiceWaker) { self.waker = waker }

    func post(_ message: ServerMessage) {
        let wasEmpty = queue.withLock { queue in
            defer { queue.append(message) }
            return queue.isEmpty
        }
        if wasEmpty { waker.wake() }
    }

    func next() -> ServerMessage? { queue.withLock { $0.popFirst() } }
}
