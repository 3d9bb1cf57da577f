internal import HTTP
internal import Primitives

/// The connections that are open, and on which of them a request waits or a WebSocket is.
struct ConnectionTable {
    private var limits: ConnectionLimits
    private var byIdentifier: [UInt64: ServerConnection]
    private var byRequest: [RequestID: ServerConnection]
    private var byWebSocket: [ConnectionID: ServerConnection]
    private var lastIdentifier: UInt64

    /// - Parameter first: identifiers are greater.
    init(_ configuration: HTTPServerConfiguration, identifiersAbove first: UInt64) {
        limits = ConnectionLimits(configuration)
        byIdentifier = [:]
        byRequest = [:]
        byWebSocket = [:]
        lastIdentifier = first
    }

    // MARK: Connections

    var count: Int { limits.count }
    var isEmpty: Bool { limits.count == 0 }
    var all: Dictionary<UInt64, ServerConnection>.Values { byIdentifier.values }

    subscript(identifier: UInt64) -> ServerConnection? { byIdentifier[identifier] }

    /// Of a connection, a request or a WebSocket; none has had it before.
    mutating func newIdentifier() -> UInt64 {
        lastIdentifier += 1
        return lastIdentifier
    }

    func admits(_ address: IPAddress) -> Bool { limits.admits(address) }

    mutating func add(_ connection: ServerConnection) {
        byIdentifier[connection.identifier] = connection
        limits.opened(from: connection.peer.address)
    }

    /// False where it is gone already.
    mutating func remove(_ connection: ServerConnection) -> Bool {
        guard byIdentifier.removeValue(forKey: connection.identifier) != nil else { return false }
        limits.closed(from: connection.peer.address)
        return true
    }

    /// Every connection for which something is held.
    var holdings: [HTTPHolding] {
        byIdentifier.values.compactMap { connection in
            guard connection.countedBytes > 0 else { return nil }
            let address = connection.peer.address
            return HTTPHolding(
                connection: connection.identifier, since: connection.acceptedAt,
                address: limits.isProxy(address) ? nil : address.prefix64, account: connection.account,
                bytes: connection.countedBytes)
        }
    }

    // MARK: Requests and WebSockets

    subscript(request: RequestID) -> ServerConnection? {
        get { byRequest[request] }
        set { byRequest[request] = newValue }
    }

    subscript(webSocket: ConnectionID) -> ServerConnection? { byWebSocket[webSocket] }

    mutating func addWebSocket(on connection: ServerConnection) -> ConnectionID {
        let id = ConnectionID(rawValue: newIdentifier())
        byWebSocket[id] = connection
        return id
    }

    /// False where it is gone already.
    mutating func removeWebSocket(_ id: ConnectionID) -> Bool { byWebSocket.removeValue(forKey: id) != nil }
}
