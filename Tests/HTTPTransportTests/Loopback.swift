import HTTP
import HTTPTransport
import Primitives
import Reactor

/// A server and a client on the loopback interface, both serviced by the test's own thread in turns.
final class Loopback {
    let server: HTTPServer
    let client: HTTPClient
    /// Ends the client's wait.
    let clientWake: WakeFD
    private(set) var serverEvents: [HTTPServerEvent] = []
    /// How often the server said that it holds more for its clients.
    private(set) var holdingsGrew = 0
    private(set) var clientEvents: [HTTPClientEvent] = []

    init(
        server configure: (inout HTTPServerConfiguration) -> Void = { _ in },
        client configureClient: (inout HTTPClientConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = HTTPServerConfiguration(listen: [SocketAddress("127.0.0.1:0")!])
        configuration.webSocketPaths = ["/socket.io"]
        configure(&configuration)
        server = try HTTPServer(configuration)
        var clientConfiguration = HTTPClientConfiguration()
        configureClient(&clientConfiguration)
        clientWake = try WakeFD()
        client = try HTTPClient(clientConfiguration, wokenBy: clientWake)
    }

    var port: UInt16 { server.addresses[0].port }
    func url(_ path: String, scheme: String = "http", host: String = "127.0.0.1") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }

    /// Services both until `body` answers with a value; nil after so many turns that something must be wrong.
    func until<Value>(turns: Int = 20_000, _ body: () -> Value?) -> Value? {
        for _ in 0..<turns {
            if let value = body() { return value }
            server.service(for: .zero)
            while let event = server.nextEvent() {
                switch event {
                case .requestAnnounced: break
                case .holdingsGrew: holdingsGrew += 1
                default: serverEvents.append(event)
                }
            }
            client.service(for: .milliseconds(1))
            while let event = client.nextEvent() { clientEvents.append(event) }
        }
        return nil
    }

    func nextServerEvent(turns: Int = 20_000) -> HTTPServerEvent? {
        until(turns: turns) { serverEvents.isEmpty ? nil : serverEvents.removeFirst() }
    }

    func nextClientEvent(turns: Int = 20_000) -> HTTPClientEvent? {
        until(turns: turns) { clientEvents.isEmpty ? nil : clientEvents.removeFirst() }
    }

    func nextRequest() -> HTTPRequest? {
        if case .request(let request)? = nextServerEvent() { request } else { nil }
    }

    func nextResponse() -> HTTPResponse? {
        if case .response(_, let response)? = nextClientEvent() { response } else { nil }
    }

    /// Services both a number of times, for things that must not happen.
    func spin(turns: Int = 50) {
        var left = turns
        _ = until(turns: turns) { () -> Bool? in
            left -= 1
            return nil
        }
    }

    /// The first event that has come already.
    func takeServerEvent() -> HTTPServerEvent? { serverEvents.isEmpty ? nil : serverEvents.removeFirst() }

    func takeClientEvent() -> HTTPClientEvent? { clientEvents.isEmpty ? nil : clientEvents.removeFirst() }

    var hasEvents: Bool { !serverEvents.isEmpty || !clientEvents.isEmpty }
}
