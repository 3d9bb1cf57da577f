/// What an Engine.IO and Socket.IO server promises its clients. The defaults are the reference server's.
public struct SocketIOServerConfiguration: Sendable {
    /// Between two pings of the server. Engine.IO v4, "Heartbeat".
    public var pingInterval: Duration = .milliseconds(25_000)
    /// How long the client may take for its pong.
    public var pingTimeout: Duration = .milliseconds(20_000)
    /// Bytes of one polling body or WebSocket message, as announced in the handshake.
    public var maximumPayload: Int = 1_000_000
    /// From a probe to the upgrade packet.
    public var upgradeTimeout: Duration = .milliseconds(10_000)
    /// From the Engine.IO handshake to the first CONNECT.
    public var connectTimeout: Duration = .milliseconds(45_000)
    /// Sessions alive at once, over both transports; a handshake more is refused.
    public var maximumSessions: Int = .max
    /// Of one address (of one /64 in IPv6).
    public var maximumSessionsPerAddress: Int = .max
    /// Handshakes of one address (of one /64 in IPv6) in a second; ten times as many at once.
    public var handshakesPerSecondPerAddress: Int = .max
    /// CONNECTs of one client in a row of which the application accepts none; another one closes it.
    public var maximumVainConnects: Int = 8
    /// Of one address (of one /64 in IPv6), CONNECTs in a second that the application looks at and does not accept.
    /// Of one client it is one a second, and a second one at once, for the client that has fetched a new token.
    public var vainConnectsPerSecondPerAddress: Int = 10
    /// Attachments of one packet.
    public var maximumAttachments: Int = 10
    /// Nesting of one payload.
    public var maximumDepth: Int = 64
    /// JSON values in one payload, nested ones included.
    public var maximumNodes: Int = 10_000
    /// Bytes of one message before the application has accepted a CONNECT of its client.
    public var maximumMessageBeforeConnect: Int = 8 * 1024
    /// Namespaces that exist besides `/`.
    public var namespaces: Set<String> = ["/"]
    /// How long a lost client's packets are kept for its return; nil switches connection state recovery off.
    public var recoveryWindow: Duration?
    /// Bytes kept per lost client for its return; when more was sent to it, it cannot recover.
    public var recoveryBufferSize: Int = 256 * 1024
    /// Bytes kept for a polling client that does not poll; more closes it.
    public var maximumPollingBacklog: Int = 4_000_000

    /// The defaults above.
    public init() {}
}
