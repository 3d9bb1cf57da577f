internal import HTTPTransport
internal import Identity
internal import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite

/// What other threads tell the serving thread.
enum ServerMessage: Sendable {
    case records(RecordAnswer)
    case passwordChecked(RecordTicket, isRight: Bool)
    case signal(SignalSource.Signal)
}

/// Messages from any thread to the serving one, whose transport they wake.
struct Inbox: RecordsInbox {
    private let mailbox: Mailbox<ServerMessage>

    init() throws(SystemError) { mailbox = try Mailbox() }

    /// Signaled when there is something to take.
    var wake: WakeFD { mailbox.wake }

    func post(_ message: ServerMessage) { mailbox.post(message) }

    func post(_ answer: RecordAnswer) { mailbox.post(.records(answer)) }

    func next() -> ServerMessage? { mailbox.next() }
}
