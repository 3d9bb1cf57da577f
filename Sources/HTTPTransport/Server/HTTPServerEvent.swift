public import HTTP
public import Primitives

/// What an HTTP server tells its application.
public enum HTTPServerEvent: Sendable {
    /// A request's head is here, its body is not; `request` follows with the whole, or `requestAborted`.
    case requestAnnounced(HTTPRequest)
    /// Answer it with `respond(to:_:)`, now or later.
    case request(HTTPRequest)
    /// The client went away before the answer; an answer is ignored from now on.
    case requestAborted(RequestID)
    /// The client has taken the last piece of the answer: give the next with `send(piece:to:)`, now or later, or end it.
    case pieceWanted(RequestID)
    case webSocketOpened(ConnectionID, WebSocketHandshake)
    case message(ConnectionID, WebSocketMessage)
    /// The last event of that connection, also after our own `close`.
    case webSocketClosed(ConnectionID, WebSocketCloseCode)
    case woken
    /// More bytes are held for clients than when it was last said; see `holdings`.
    case holdingsGrew
}
