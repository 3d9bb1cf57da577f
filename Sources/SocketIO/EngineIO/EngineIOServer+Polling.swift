internal import JSON
public import Primitives

extension EngineIOResponse {
    static func packets(_ packets: [WebSocketMessage]) -> EngineIOResponse {
        EngineIOResponse(status: 200, contentType: plainText, body: EngineIOPayload.encode(packets))
    }

    static let ok = EngineIOResponse(status: 200, contentType: "text/html", body: Array("ok".utf8))

    /// `{"code","message"}` as the reference server words it.
    static func failure(_ code: Int, _ message: String, status: Int = 400) -> EngineIOResponse {
        let json: JSONValue = ["code": .integer(code), "message": .string(message)]
        return EngineIOResponse(status: status, contentType: "application/json", body: json.jsonText)
    }

    static let unknownTransport = failure(0, "Transport unknown")
    static let unknownSession = failure(1, "Session ID unknown")
    static let badMethod = failure(2, "Bad handshake method")
    static let badRequest = failure(3, "Bad request")
    static let tooManySessions = failure(4, "Too many connections", status: 403)
    static let unsupportedVersion = failure(5, "Unsupported protocol version")
    static let tooLarge = EngineIOResponse(status: 413, contentType: plainText, body: [])

    private static let plainText = "text/plain; charset=UTF-8"
}

extension EngineIOServer {
    /// A plain HTTP request on the server's path; exactly one `respond` follows, perhaps much later.
    public mutating func requestReceived(_ request: RequestID, _ details: EngineIORequest, now: Instant) {
        func refuse(_ reason: SocketIODrop, _ response: EngineIOResponse) {
            drop(reason)
            act(.respond(request, response))
        }
        let transport = details.handshake["transport"]
        guard transport == "polling" || transport == "websocket" else {
            return refuse(.unknownTransport, .unknownTransport)
        }
        guard let sid = details.handshake["sid"] else {
            guard details.method == .get else { return refuse(.badMethod, .badMethod) }
            guard transport == "polling" else { return refuse(.badRequest, .badRequest) }
            guard details.handshake["EIO"] == "4" else { return refuse(.unsupportedVersion, .unsupportedVersion) }
            guard admits(details.handshake, now: now) else { return refuse(.tooManySessions, .tooManySessions) }
            let slot = open(.polling(nil), details.handshake, now: now)
            act(.respond(request, .packets([openPacket(slot)])))
            return
        }
        guard let slot = sessions.slot(named: sid) else { return refuse(.unknownSession, .unknownSession) }
        guard case .polling(let waiting) = sessions.slots[slot]!.transport, transport == "polling" else {
            return refuse(.badRequest, .badRequest)
        }
        switch details.method {
        case .get:
            guard waiting == nil else {
                refuse(.overlappingRequest, .badRequest)
                return fail(slot, .overlappingRequests)
            }
            sessions.wait(slot, request)
            flush(slot)
            if sessions.slots[slot]!.probe?.isConfirmed == true { releasePoll(slot) }
        case .post:
            post(slot, request, details, now: now)
        case .options, .other:
            refuse(.badMethod, .badRequest)
        }
    }

    /// The head of a request is here and its body on its way; `requestReceived` or `requestAborted` follows.
    public mutating func requestAnnounced(_ request: RequestID, _ details: EngineIORequest) {
        guard details.method == .post, let slot = sessions.slot(named: details.handshake["sid"]),
            case .polling = sessions.slots[slot]!.transport
        else { return }
        guard sessions.slots[slot]!.incomingPost == nil else {
            // Both find no session when they are whole, and are answered so.
            drop(.overlappingRequest)
            return fail(slot, .overlappingRequests)
        }
        sessions.expectPost(slot, request)
    }

    private mutating func post(_ slot: Int, _ request: RequestID, _ details: EngineIORequest, now: Instant) {
        sessions.postArrived(slot, request)
        guard details.body.count <= configuration.maximumPayload else {
            drop(.bodyTooLarge)
            act(.respond(request, .tooLarge))
            return fail(slot, .protocolError)
        }
        // Revision 4 has no binary bodies: binary travels as base64 among the text.
        guard details.contentType?.lowercased().hasPrefix("application/octet-stream") != true,
            let packets = try? EngineIOPayload.decode(details.body)
        else {
            drop(.badPacket)
            act(.respond(request, .badRequest))
            return fail(slot, .protocolError)
        }
        act(.respond(request, .ok))
        for packet in packets where !receive(packet, on: slot, now: now) { return }
    }

    /// The client went away before its answer; no `respond` follows.
    public mutating func requestAborted(_ request: RequestID, now: Instant) {
        guard let slot = sessions.lost(request) else { return }
        drop(.abortedPoll)
        fail(slot, .transportClosed)
    }

    /// Answers the waiting poll with what is queued, as much as fits into one body.
    mutating func flush(_ slot: Int) {
        guard !sessions.slots[slot]!.backlog.isEmpty, let request = sessions.takePoll(slot) else { return }
        var body: [UInt8] = []
        var taken = 0
        for packet in sessions.slots[slot]!.backlog {
            let size = packet.count * 4 / 3 + 4
            guard taken == 0 || body.count + size <= configuration.maximumPayload else { break }
            if taken > 0 { body.append(EngineIOPayload.separator) }
            EngineIOPayload.append(packet, to: &body)
            sessions.slots[slot]!.backlogSize -= packet.count
            taken += 1
        }
        sessions.slots[slot]!.backlog.removeFirst(taken)
        act(
            .respond(request, EngineIOResponse(status: 200, contentType: "text/plain; charset=UTF-8", body: body)))
    }

    /// Ends the waiting poll, if there is one, with a noop.
    mutating func releasePoll(_ slot: Int) {
        guard let request = sessions.takePoll(slot) else { return }
        act(.respond(request, .packets([EngineIOPacket.noop.webSocketMessage])))
    }
}
