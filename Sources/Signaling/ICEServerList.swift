public import JSON

/// The body of `GET /api/ice-servers`.
public struct ICEServerList: Hashable, Sendable {
    /// In the order in which the client should try them.
    public var servers: [ICEServer]

    /// The list as it is; the limits hold when JSON is read.
    public init(_ servers: [ICEServer]) { self.servers = servers }

    /// - Throws: `bad-request` that names the field, also for more than `SignalingLimit.list` servers.
    public init(json: JSONValue) throws(SignalingError) {
        servers = try ICEServer.list(try Fields(json: json, what: "ice servers"))
    }

    /// The body as it goes out.
    public var json: JSONValue { ["iceServers": .array(servers.map(\.json))] }
}
