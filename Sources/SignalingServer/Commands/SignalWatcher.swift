internal import Glibc
internal import Reactor
internal import Synchronization

/// Turns the process's signals into messages to the server, whose own thread sleeps in the transport.
final class SignalWatcher: Sendable {
    private let thread: WorkerThread

    private struct Handover: ~Copyable, Sendable {
        var signals: SignalSource?
        init(_ signals: consuming SignalSource) { self.signals = consume signals }
        mutating func take() -> SignalSource? { signals.take() }
    }

    init(_ signals: consuming SignalSource, _ control: ServerControl) throws(SystemError) {
        let handed = Mutex(Handover(signals))
        thread = try WorkerThread(name: "signals") { stop in
            guard var signals = handed.withLock({ $0.take() }) else { return }
            while !stop.isRequested {
                var descriptors = [signals.descriptor, stop.wake.descriptor].map {
                    pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
                }
                _ = poll(&descriptors, 2, -1)
                while let signal = signals.next() {
                    switch signal {
                    case .hangup: control.reload()
                    case .interrupt, .terminate: control.stop()
                    }
                }
            }
        }
    }

    func stop() { thread.stopAndJoin() }
}
