internal import HTTPTransport
internal import Identity
internal import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite
internal import Synchronization

/// What other threads tell the serving thread.
enum ServerMessage: Sendable {
    case records(RecordAnswer)
    case passwordChecked(RecordTicket, isRight: Bool)
    case signal(SignalSource.Signal)
}

/// Messages from any thread to the serving one, which sleeps in the transport and not on a descriptor.
final class Inbox: RecordsInbox {
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

    func post(_ answer: RecordAnswer) { post(.records(answer)) }

    func next() -> ServerMessage? { queue.withLock { $0.popFirst() } }
}
