public import JSON

/// The body of `GET /api/ice-servers`.
public struct ICEServerList: Hashable, Sendable {
    public var servers: [ICEServer]

    public init(_ servers: [ICEServer]) { self.servers = servers }

    public init(json: JSONValue) throws(SignalingError) {
        servers = try ICEServer.list(try Fields(json: json, what: "ice servers"))
    }

    public var json: JSONValue { ["iceServers": .array(servers.map(\.json))] }
}
