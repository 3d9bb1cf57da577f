import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor
import ServerLink
import Signaling
import SocketIO

/// The WebSocket, its handshake, and the token: everything but the registration, which would take the running agent's place.
enum SocketIOCheck: Check {
    enum Outcome: Sendable {
        case connected
        /// In the server's words.
        case refused(String)
        case failed(LinkTrouble)
        case silent
    }

    struct Observation: Sendable {
        var outcome: Outcome
        var duration: Duration
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration else { return .noConfiguration }
        guard case .done(let answer) = context.login() else { return .notChecked("needs a login") }
        let began = MonotonicClock.now()
        let outcome = handshake(context, configuration, token: answer.token)
        return .seen(Observation(outcome: outcome, duration: MonotonicClock.now() - began))
    }

    static func judge(_ observation: Observation) -> Finding {
        let why = "the kiosk registers over it"
        switch observation.outcome {
        case .connected:
            return .ok("the server lets the kiosk in after \(Int(observation.duration.milliseconds)) ms")
        case .refused(let reason):
            return Finding(
                .failed, "the server refuses the token it just gave (\(reason))", why: why,
                remedy: "see the server's log; are the clocks of all its nodes right?")
        case .failed(let trouble):
            return Finding(
                .failed, trouble.message, why: why,
                remedy: trouble.remedy ?? "check what stands in front of the server")
        case .silent:
            return Finding(
                .failed, "the WebSocket opens, and no Socket.IO answers", why: why,
                remedy: "check that no proxy in between holds WebSockets back")
        }
    }

    private static func handshake(
        _ context: CheckContext, _ configuration: AgentConfiguration, token: Redacted<String>
    ) -> Outcome {
        var settings = HTTPClientConfiguration()
        settings.caFile = configuration.tls.caFile
        let client: HTTPClient
        do {
            client = try HTTPClient(settings)
        } catch {
            return .failed(LinkTrouble(.tlsRefused, "\(error)"))
        }
        let end = context.limit(.seconds(6))
        let connection = client.openWebSocket(
            url: configuration.server.webSocketURL("/socket.io/?\(SocketIOClient.query)"), timeout: context.timeLeft(5))
        var socket = SocketIOClient(
            SocketIOClientConfiguration(), auth: ["token": .string(token.unredacted)], now: MonotonicClock.now())
        var outcome: Outcome?
        while outcome == nil, MonotonicClock.now() < end {
            client.service(for: .milliseconds(200))
            let now = MonotonicClock.now()
            while let event = client.nextEvent() {
                switch event {
                case .webSocketOpened: socket.webSocketOpened(now: now)
                case .message(_, let message): socket.webSocketReceived(message, now: now)
                case .webSocketClosed: socket.webSocketClosed(now: now)
                case .webSocketFailed(_, let failure):
                    return .failed(LinkTrouble(failure, server: configuration.server))
                case .response, .requestFailed, .woken: break
                }
            }
            while let event = socket.nextEvent() {
                switch event {
                case .connected: outcome = .connected
                case .refused(let error): outcome = .refused(error.message)
                case .disconnected(let reason): outcome = outcome ?? .failed(LinkTrouble(reason))
                case .event, .acknowledged: break
                }
            }
            if outcome != nil { socket.disconnect(now: now) }
            while let action = socket.nextAction() {
                switch action {
                case .send(let message): client.send(message, on: connection)
                case .close: client.close(connection, code: .normal)
                }
            }
        }
        // The goodbye leaves with the next turns.
        for _ in 0..<3 where outcome != nil { client.service(for: .milliseconds(20)) }
        return outcome ?? .silent
    }
}
