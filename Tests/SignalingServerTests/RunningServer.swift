import Database
import Foundation
import HTTP
import HTTPTransport
import Identity
import JSON
import Primitives
import Reactor
import Records
import SessionRules
import Signaling
import SocketIO
import Synchronization
import Testing

@testable import RecordsSQLite
@testable import SignalingServer

/// A real server on the loopback interface, on a thread of its own.
final class RunningServer: Sendable {
    let address: SocketAddress
    let passwords: PasswordWorker
    private let control: ServerControl
    private let thread: WorkerThread

    private typealias Started = (SocketAddress, ServerControl, PasswordWorker)

    init(_ database: TemporaryFile, _ configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
        var configuration = ServerConfiguration()
        configuration.listen = [SocketAddress("127.0.0.1:0")!]
        configuration.database = database.path
        configure(&configuration)
        let started = DispatchSemaphore(value: 0)
        let box = Box()
        let final = configuration
        thread = try WorkerThread(name: "server", stackSize: 1 << 20) { _ in
            do {
                let server = try Server(final)
                box.value.withLock { $0 = .success((server.addresses[0], server.control, server.passwords)) }
                started.signal()
                server.run()
            } catch {
                box.value.withLock { $0 = .failure(error) }
                started.signal()
            }
        }
        started.wait()
        switch box.value.withLock({ $0 }) {
        case .success(let started)?: (address, control, passwords) = started
        case .failure(let error)?:
            thread.stopAndJoin()
            throw error
        case nil: preconditionFailure("the server started without a word")
        }
    }

    private final class Box: Sendable {
        let value = Mutex<Result<Started, any Error>?>(nil)
    }

    /// As SIGTERM does; returns once everything is written down.
    func stop() {
        control.stop()
        thread.join()
    }
}

/// Adds accounts with cheap passwords: "password of ID".
func addAccounts(_ file: TemporaryFile, _ accounts: [Account]) throws {
    var records = try SQLiteRecords(file.path, .mayCreate, now: SystemWallClock.now())
    for account in accounts {
        let password = PasswordHash(of: Redacted("password of \(account.id)"))
        try records.perform(.add(account, password: password), by: "cli", now: account.createdAt)
    }
}

/// One thread's HTTP client and its Socket.IO sockets.
final class TestClient {
    private let client: HTTPClient
    private let server: SocketAddress
    private var responses: [RequestID: Result<HTTPResponse, HTTPFailure>] = [:]
    private var sockets: [ConnectionID: TestSocket] = [:]

    init(_ server: SocketAddress) throws {
        self.server = server
        client = try HTTPClient(HTTPClientConfiguration())
    }

    /// Serves until `body` answers; nil when that takes longer than anything here may.
    func until<Value>(_ body: () -> Value?) -> Value? {
        let end = MonotonicClock.now() + .seconds(60)
        repeat {
            if let value = body() { return value }
            client.service(for: .milliseconds(5))
            while let event = client.nextEvent() { handle(event) }
            for (id, socket) in sockets { flush(id, socket) }
        } while MonotonicClock.now() < end
        return body()
    }

    private func handle(_ event: HTTPClientEvent) {
        let now = MonotonicClock.now()
        switch event {
        case .response(let id, let response): responses[id] = .success(response)
        case .requestFailed(let id, let failure): responses[id] = .failure(failure)
        case .webSocketOpened(let id): sockets[id]?.machine.webSocketOpened(now: now)
        case .webSocketFailed(let id, _), .webSocketClosed(let id, _):
            sockets[id]?.machine.webSocketClosed(now: now)
            sockets[id]?.take()
            sockets[id]?.isClosed = true
        case .message(let id, let message): sockets[id]?.machine.webSocketReceived(message, now: now)
        case .woken: break
        }
    }

    private func flush(_ id: ConnectionID, _ socket: TestSocket) {
        socket.take()
        while let action = socket.machine.nextAction() {
            switch action {
            case .send(let message): client.send(message, on: id)
            case .close: client.close(id, code: .normal)
            }
        }
    }

    func request(
        _ method: HTTPMethod, _ path: String, _ json: JSONValue? = nil, text: String = "", token: String? = nil,
        headers: [HTTPHeader] = []
    ) throws -> HTTPResponse {
        var all = headers
        if json != nil { all.append(HTTPHeader("Content-Type", "application/json")) }
        if let token { all.append(HTTPHeader("Authorization", "Bearer \(token)")) }
        var wanted = HTTPClientRequest(
            method, url: "http://\(server)\(path)", headers: all, body: json?.jsonText ?? Array(text.utf8))
        wanted.maximumResponseSize = 10_000_000
        wanted.timeout = .seconds(60)
        let id = client.start(wanted)
        let result = try #require(until { responses.removeValue(forKey: id) }, "no answer to \(path)")
        return try result.get()
    }

    func logIn(_ id: String) throws -> LoginAnswer {
        let response = try request(
            .post, "/api/auth/login", ["username": .string(id), "password": .string("password of \(id)")])
        #expect(response.status == 200)
        return try LoginAnswer(json: response.json)
    }

    func connect(_ token: String?) -> TestSocket {
        let id = client.openWebSocket(url: "ws://\(server)/socket.io/?\(SocketIOClient.query)")
        let socket = TestSocket(self, auth: token.map { ["token": .string($0)] })
        sockets[id] = socket
        _ = until { socket.sid != nil || socket.refusal != nil || socket.isClosed ? true : nil }
        return socket
    }

    /// Logs in, connects and registers.
    func join(_ id: String, sessions: [String]? = nil) throws -> TestSocket {
        let login = try logIn(id)
        let socket = connect(login.token.unredacted)
        let carried: JSONValue = sessions.map { ["sessions": .array($0.map { .string($0) })] } ?? [:]
        #expect(socket.call("register-\(login.user.role.rawValue)", carried)?["ok"] == true)
        return socket
    }
}

/// One Socket.IO socket and what it has heard.
final class TestSocket {
    var machine: SocketIOClient
    private(set) var heard: [SocketIOEvent] = []
    private var answers: [AcknowledgementID: [JSONValue]] = [:]
    private(set) var sid: String?
    private(set) var refusal: ConnectError?
    private(set) var disconnected: DisconnectReason?
    var isClosed = false
    private unowned let client: TestClient

    init(_ client: TestClient, auth: JSONValue?) {
        self.client = client
        machine = SocketIOClient(SocketIOClientConfiguration(), auth: auth, now: MonotonicClock.now())
    }

    func take() {
        while let event = machine.nextEvent() {
            switch event {
            case .connected(let sid): self.sid = sid
            case .refused(let error): refusal = error
            case .event(let event): heard.append(event)
            case .acknowledged(let id, let arguments): answers[id] = arguments
            case .disconnected(let reason): disconnected = reason
            }
        }
    }

    /// Sends an event and gives its acknowledgement.
    func call(_ name: String, _ payload: JSONValue) -> JSONValue? {
        guard let id = machine.emitForAcknowledgement(name, [payload], now: MonotonicClock.now()) else { return nil }
        return client.until { answers.removeValue(forKey: id) }?.first
    }

    /// The next event of that name, whatever comes before it.
    func hear(_ name: String) -> JSONValue? {
        client.until {
            heard.firstIndex { $0.name == name }.map { index in
                let event = heard[index]
                heard.removeSubrange(...index)
                return event.arguments.first ?? .null
            }
        }
    }

    func waitForEnd() -> Bool { client.until { isClosed ? true : nil } ?? false }
}

extension HTTPResponse {
    var json: JSONValue {
        get throws { try JSONValue(parsing: body) }
    }
    var errorCode: String? { (try? json)?["error"]?["code"]?.string }
}
