import Primitives
import Reactor
import Service

/// The network thread's event loop: what is watched, each under a token of its own. A class, because all who have sockets there register
/// and deregister them.
final class SocketRegistry {
    private static let log = Log("network")
    /// Of the mailbox and the rings that wake the thread.
    static let wakeToken = EventLoop.Token(0)

    private var loop: EventLoop
    private var lastToken: UInt64

    init(wokenBy wake: WakeFD) throws(SystemError) {
        var loop = try EventLoop()
        try loop.register(wake.descriptor, token: SocketRegistry.wakeToken, for: .readable)
        self.loop = loop
        lastToken = 0
    }

    /// Waits for the first event, at most until `deadline`; then `events` tells.
    func wait(until deadline: Instant) throws(SystemError) { try loop.wait(until: deadline) }

    /// What the last wait found.
    var events: [EventLoop.Event] { loop.events }

    func makeToken() -> EventLoop.Token {
        lastToken += 1
        return EventLoop.Token(lastToken)
    }

    func register(
        _ descriptor: Int32, token: EventLoop.Token, for interest: EventLoop.Interest
    ) throws(SystemError) {
        try loop.register(descriptor, token: token, for: interest)
    }

    func modify(_ descriptor: Int32, token: EventLoop.Token, for interest: EventLoop.Interest) {
        do throws(SystemError) {
            try loop.modify(descriptor, token: token, for: interest)
        } catch {
            SocketRegistry.log.repeated(.warning, "watch-failed", "socket cannot be watched: \(error)")
        }
    }

    func deregister(_ descriptor: Int32) {
        do throws(SystemError) {
            try loop.deregister(descriptor)
        } catch {
            SocketRegistry.log.repeated(.warning, "deregister", "socket not deregistered: \(error)")
        }
    }
}
