internal import HTTP
public import Primitives

extension HTTPServer {
    // MARK: Memory

    /// Every connection for which something is held.
    public var holdings: [HTTPHolding] { connections.holdings }

    /// A request's connection is that account's, up to the next request on it. The request may be an announced one.
    public func attribute(_ request: RequestID, to account: String) { connections[request]?.account = account }

    /// A WebSocket's connection is that account's, to its end.
    public func attribute(_ connection: ConnectionID, to account: String) { connections[connection]?.account = account }

    /// Ends a connection at once, whatever it is doing; `requestAborted` or `webSocketClosed` follows.
    public func evict(_ connection: UInt64) {
        guard let connection = connections[connection] else { return }
        if connection.webSocket != nil, connection.closeCode == nil { connection.closeCode = .tryAgainLater }
        destroy(connection)
    }

    /// Bytes accepted by `send` that have not been handed to the kernel yet.
    public func pendingBytes(on connection: ConnectionID) -> Int { connections[connection]?.channel.pendingBytes ?? 0 }

    /// Bytes that a message of this client may have from now on, at most the configuration's.
    public func limitMessages(to bytes: Int, on connection: ConnectionID) {
        connections[connection]?.webSocket?.maximumMessageSize = min(bytes, configuration.maximumMessageSize)
    }

    /// Bytes that the body of an announced request may have, at most what its path lets it. One that is announced larger, or
    /// turns out to be, is answered 413; `requestAborted` follows.
    public func limitBody(to bytes: Int, of id: RequestID) {
        guard let connection = connections[id], let request = connection.request, connection.http?.isReceiving == true
        else { return }
        connection.bodyLimit = min(connection.bodyLimit, bytes)
        let announced = request.headers["content-length"].flatMap { Int($0) } ?? 0
        guard max(announced, request.body.count) > connection.bodyLimit else { return }
        refuse(connection, 413, "the body is too large")
        advance(connection)
    }
}
