internal import HTTP
internal import HTTPTransport
internal import Identity
internal import JSON
internal import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite
internal import Service
internal import SessionRules
internal import Signaling
internal import SocketIO

/// The clients on Socket.IO: the protocol's machine, the hub behind it, and what the two decide.
///
///     transport ⇄ SocketIOServer ⇄ Hub ──StoreRequest──▶ records
final class SocketService {
    private let transport: HTTPServer
    private let responses: Responses
    private let tokens: AccessTokens
    private let records: RecordsThread
    private let ice: ICESettings
    private let log: Log
    private var socketIO: SocketIOServer
    private var hub: Hub
    private var disconnects: [DisconnectReason: UInt64]

    init(
        _ socketIO: SocketIOServer, _ hub: Hub, _ ice: ICESettings, _ transport: HTTPServer, _ responses: Responses,
        _ tokens: AccessTokens, _ records: RecordsThread, _ log: Log
    ) {
        self.socketIO = socketIO
        self.hub = hub
        self.ice = ice
        self.transport = transport
        self.responses = responses
        self.tokens = tokens
        self.records = records
        self.log = log
        disconnects = [:]
    }

    // MARK: What clients do

    func webSocketOpened(
        _ id: ConnectionID, _ handshake: WebSocketHandshake, from client: SocketAddress, now: Moment
    ) {
        let details = EngineIOHandshake(handshake.query, handshake.headers, from: client)
        // An upgrade of a polling session.
        if let account = account(of: details) { transport.attribute(id, to: account) }
        socketIO.webSocketOpened(id, details, now: now.instant)
    }

    func received(_ message: WebSocketMessage, on id: ConnectionID, now: Moment) {
        socketIO.webSocketReceived(id, message, now: now.instant)
    }

    func webSocketClosed(_ id: ConnectionID, now: Moment) { socketIO.webSocketClosed(id, now: now.instant) }

    func requestAnnounced(_ request: HTTPRequest, from client: SocketAddress, now: Moment) {
        let details = EngineIORequest(request, from: client)
        attribute(request.id, details.handshake)
        socketIO.requestAnnounced(request.id, details, now: now.instant)
        transport.limitBody(to: socketIO.bodyLimit(details), of: request.id)
    }

    func requestReceived(_ request: HTTPRequest, from client: SocketAddress, now: Moment) {
        let details = EngineIORequest(request, from: client)
        attribute(request.id, details.handshake)
        socketIO.requestReceived(request.id, details, now: now.instant)
    }

    func requestAborted(_ id: RequestID, now: Moment) { socketIO.requestAborted(id, now: now.instant) }

    /// Says whose a request is, which names its Engine.IO session: until then it is a stranger's.
    private func attribute(_ request: RequestID, _ handshake: EngineIOHandshake) {
        guard let account = account(of: handshake) else { return }
        transport.attribute(request, to: account)
    }

    private func account(of handshake: EngineIOHandshake) -> String? {
        socketIO.acceptedSocket(of: handshake).flatMap { hub.account(of: $0) }
    }

    // MARK: What the API asks

    var directory: Directory { hub.directory }

    func kioskList(of organization: String) -> [KioskEntry] { hub.kioskList(of: organization) }

    func iceServers(for user: String, now: Moment) -> [ICEServer] {
        ice.servers(hub.iceCredentials(for: user, now: now))
    }

    /// - Returns: whether there is such a session that the account may end.
    func endSession(_ id: String, by account: Account, reason: String?, now: Moment) -> Bool {
        hub.sessionEnded(by: account, sessionId: id, reason: reason, now: now)
    }

    func familyRevoked(_ family: String, now: Moment) { hub.familyRevoked(family, now: now) }

    // MARK: What the records say

    /// Accounts and the keys of their tokens change together.
    func use(_ directory: DirectoryRecord, now: Moment) {
        tokens.use(directory.keys)
        hub.directoryChanged(directory.directory, now: now)
    }

    func crewStored(_ record: CrewRecord, isNew: Bool, _ reply: PendingReply) {
        hub.crewStored(record, isNew: isNew, reply)
    }

    func sessionStored(_ id: String) { hub.sessionStored(id) }

    /// The records have another open session of the kiosk.
    func sessionRefused(_ id: String, now: Moment) { hub.sessionNotStored(id, now: now) }

    func notStored(_ request: Hub.StoreRequest, now: Moment) {
        switch request {
        case .crew(_, let reply): hub.crewFailed(reply)
        case .sessionBegan(let session): hub.sessionNotStored(session.id, now: now)
        // Nobody waits for these.
        case .sessionNegotiated, .sessionMoved, .sessionReported, .sessionEnded, .audit, .lastSeen, .kioskRegistered:
            break
        }
    }

    // MARK: Time and the end

    func handleTimeout(now: Moment) {
        socketIO.handleTimeout(now: now.instant)
        hub.handleTimeout(now: now)
    }

    var nextTimeout: Instant? {
        let (first, second) = (socketIO.nextTimeout, hub.nextTimeout)
        if let first, let second { return min(first, second) }
        return first ?? second
    }

    func shutDown(endingSessions: Bool, _ phase: ServingPhase, now: Moment) {
        if endingSessions { hub.shutDown(now: now) }
        drain(phase, now: now)
        socketIO.shutDown(now: now.instant)
        drain(phase, now: now)
    }

    /// Nobody is served any more: what must be kept goes to the records.
    func finish() {
        hub.saveLastSeen()
        for action in hub.takeActions() {
            if case .store(let request) = action { records.submit(.keep(request)) }
        }
    }

    // MARK: Memory

    var bytesPutAside: UInt64 { socketIO.bytesPutAside }
    var holdings: [SocketIOHolding] { socketIO.holdings }

    func evict(_ client: SocketIOHolding.Holder) { socketIO.evict(client) }

    // MARK: Effects

    /// Performs what the machines decided, until none has anything left.
    func drain(_ phase: ServingPhase, now: Moment) {
        var isBusy = true
        while isBusy {
            isBusy = false
            while let event = socketIO.nextEvent() {
                handle(event, phase, now: now)
                isBusy = true
            }
            for action in hub.takeActions() {
                perform(action, now: now)
                isBusy = true
            }
        }
        while let action = socketIO.nextAction() {
            switch action {
            case .send(let id, let message): transport.send(message, on: id)
            case .close(let id): transport.close(id, code: phase.isStopping ? .goingAway : .normal)
            case .widen(let id): transport.limitMessages(to: .max, on: id)
            case .respond(let id, let answer): responses.respond(to: id, HTTPResponse(answer))
            }
        }
    }

    private func handle(_ event: SocketIOServer.Event, _ phase: ServingPhase, now: Moment) {
        switch event {
        case .connecting(let socket, let request):
            do throws(SignalingError) {
                guard !phase.isStopping else { throw SignalingError(.internalError, "the server is stopping") }
                let claims = try tokens.verify(try request.token(), now: now)
                hub.connecting(
                    socket, claims, recovers: request.recovers, address: request.handshake.peer?.address, now: now)
            } catch {
                hub.refused(socket, error)
            }
        case .event(let socket, let event): hub.received(event, from: socket, now: now)
        case .acknowledged: break
        case .disconnected(let socket, let reason):
            disconnects[reason, default: 0] += 1
            hub.disconnected(socket, mayReturn: reason.isLoss, now: now)
        }
    }

    private func perform(_ action: Hub.Action, now: Moment) {
        switch action {
        case .accept(let socket, let recovering):
            let account = hub.account(of: socket)
            socketIO.accept(socket, of: account, recovering: recovering, now: now.instant)
            if let account, let connection = socketIO.connection(of: socket) {
                transport.attribute(connection, to: account)
            }
        case .refuse(let socket, let error):
            socketIO.refuse(
                socket, ConnectError(message: error.message, data: ["code": .string(error.code.rawValue)]),
                now: now.instant)
        case .emit(let event, let socket): socketIO.emit(event.name, event.arguments, to: socket, now: now.instant)
        case .emitWithICEServers(let event, let credentials, let socket):
            let event = event.event(iceServers: ice.servers(credentials))
            socketIO.emit(event.name, event.arguments, to: socket, now: now.instant)
        case .broadcast(let event, let sockets):
            socketIO.emit(event.name, event.arguments, toAll: sockets, now: now.instant)
        case .acknowledge(let socket, let id, let acknowledgement):
            socketIO.acknowledge(id, acknowledgement.arguments, to: socket, now: now.instant)
        case .disconnect(let socket): socketIO.disconnect(socket, closingTransport: true, now: now.instant)
        case .store(let request):
            log.note(request)
            records.submit(.keep(request))
        case .note(let note): log.note(note)
        case .send: preconditionFailure("server: a single node has nobody to send to")
        }
    }

    // MARK: Metrics

    func writeClients(to page: inout MetricsPage) {
        page.family("kiosk_signaling_sockets", "gauge", "Socket.IO clients let in, by role.")
        for role in Role.allCases {
            page.sample(["role": role.rawValue], hub.clientCount(of: role))
        }
        page.gauge("kiosk_signaling_kiosks_online", "Kiosks registered and alive.", hub.presence.onlineCount)
        page.gauge("kiosk_signaling_monitoring_sessions", "Sessions going on.", hub.sessions.count)
        page.write(hub.metrics)
    }

    func writeTransport(to page: inout MetricsPage) {
        page.family("kiosk_signaling_disconnects_total", "counter", "Sockets gone, by reason.")
        for reason in DisconnectReason.allCases {
            page.sample(["reason": reason.rawValue], disconnects[reason] ?? 0)
        }
        page.family("kiosk_signaling_drops_total", "counter", "Refused or dropped by the transport, by reason.")
        for drop in SocketIODrop.allCases { page.sample(["reason": "\(drop)"], socketIO.drops[drop]) }
    }
}

extension ConnectRequest {
    /// The CONNECT payload's token first; the query and the header are for clients that can only send those.
    fileprivate func token() throws(SignalingError) -> Redacted<String> {
        if let token = auth?["token"]?.string ?? handshake["token"], !token.isEmpty { return Redacted(token) }
        guard let header = handshake.authorization, let token = header.unredacted.bearerToken else {
            throw SignalingError(.tokenMissing, "no token in the connect payload")
        }
        return Redacted(token)
    }
}

extension HTTPResponse {
    fileprivate init(_ answer: EngineIOResponse) {
        self.init(
            status: answer.status,
            headers: [HTTPHeader("Content-Type", answer.contentType), HTTPHeader("Cache-Control", "no-store")],
            body: answer.body)
    }
}

extension Log {
    fileprivate func note(_ note: Hub.Note) {
        switch note {
        case .kioskCame(let id, let address, let version):
            notice(
                "kiosk \(id) is online" + (version.map { ", version \($0)" } ?? ""),
                [LogField("KIOSK", id), LogField("ADDRESS", address?.description ?? "-")])
        case .kioskWent(let id): notice("kiosk \(id) is offline", [LogField("KIOSK", id)])
        }
    }

    fileprivate func note(_ request: Hub.StoreRequest) {
        switch request {
        case .sessionBegan(let session):
            notice(
                "session \(session.id) begins: \(session.monitorId) watches \(session.kioskId)",
                [
                    LogField("SESSION_ID", session.id), LogField("MONITOR", session.monitorId),
                    LogField("KIOSK", session.kioskId),
                ])
        case .sessionEnded(let id, let reason, _, _):
            notice("session \(id) has ended: \(reason.rawValue)", [LogField("SESSION_ID", id)])
        case .crew, .sessionNegotiated, .sessionMoved, .sessionReported, .audit, .lastSeen, .kioskRegistered: break
        }
    }
}
