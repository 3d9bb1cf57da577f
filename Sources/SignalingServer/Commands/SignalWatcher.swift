internal import Glibc
internal import Reactor

/// Turns the process's signals into messages to the server, whose own thread sleeps in the transport.
final class SignalWatcher: Sendable {
    private let thread: WorkerThread

    init(_ signals: consuming SignalSource, _ control: ServerControl) throws(SystemError) {
        thread = try WorkerThread(name: "signals", owning: signals) { signals, stop in
            var signals = signals
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
