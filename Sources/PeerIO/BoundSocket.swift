import Reactor

/// A bound socket and its place in the event loop. A class, because the loop's list holds several of what cannot be
/// copied.
final class BoundSocket {
    var socket: UDPSocket
    let token: EventLoop.Token
    var isBlocked = false

    init(_ socket: consuming UDPSocket, token: EventLoop.Token) {
        self.socket = socket
        self.token = token
    }
}
