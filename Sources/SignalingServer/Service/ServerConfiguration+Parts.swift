internal import Configuration
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import SessionRules
internal import SocketIO

// The configuration as the parts of the server take it.

extension ServerConfiguration {
    func transport(_ engine: SocketIOServerConfiguration, listeningSockets: [Int32]) -> HTTPServerConfiguration {
        var http = HTTPServerConfiguration(listen: listen)
        http.tls = tls.map {
            HTTPServerConfiguration.TLS(certificateFile: $0.certificateFile, privateKeyFile: $0.privateKeyFile)
        }
        http.webSocketPaths = ["/socket.io"]
        http.maximumBodySize = limits.payload.bytes
        // What is too large for its path is refused by its head. A page and a probe take no body.
        http.bodyLimits = [("/socket.io", limits.payload.bytes), ("/api/", APIRoute.maximumBody), ("/", 1024)]
        http.maximumMessageSize = limits.payload.bytes
        http.maximumPendingBytes = limits.pendingBytes.bytes
        http.maximumConnections = limits.connections
        http.maximumConnectionsPerAddress = limits.connectionsPerAddress
        http.proxies = proxy.trusted
        http.listeningSockets = listeningSockets
        // Kiosks compare their clock with it.
        http.clock = SystemWallClock.now
        // Engine.IO's type and a CONNECT, until one is accepted.
        http.firstMessageSize = 1 + engine.maximumMessageBeforeConnect
        return http
    }

    var socketIO: SocketIOServerConfiguration {
        var socketIO = SocketIOServerConfiguration()
        socketIO.pingInterval = engine.pingInterval
        socketIO.pingTimeout = engine.pingTimeout
        socketIO.maximumPayload = limits.payload.bytes
        socketIO.maximumPollingBacklog = limits.pendingBytes.bytes
        socketIO.maximumSessions = limits.connections
        socketIO.maximumSessionsPerAddress = limits.connectionsPerAddress
        socketIO.handshakesPerSecondPerAddress = limits.handshakesPerAddress
        socketIO.recoveryWindow = engine.recoveryWindow
        return socketIO
    }

    var hub: Hub.Settings {
        Hub.Settings(
            rules: MonitoringSessions.Rules(
                gracePeriod: sessions.gracePeriod, negotiationTimeout: sessions.negotiationTimeout,
                maximumDuration: sessions.maximumDuration),
            messagesPerSecond: limits.messagesPerSecond, iceCredentialLifetime: ice.credentialLifetime,
            recoveryWindow: engine.recoveryWindow)
    }

    var requestGate: RequestGate {
        RequestGate(
            proxies: ProxyTrust(trusted: proxy.trusted), metricsReaders: metrics.allow,
            requestsPerAddress: limits.requestsPerAddress)
    }

    var memory: ByteLedger.Limits {
        ByteLedger.Limits(
            total: limits.memory.bytes, perAccount: limits.memoryPerAccount.bytes,
            perAddress: limits.memoryPerAddress.bytes)
    }
}
