public import JSON

extension ServerEvent {
    /// Names of events that the server sends.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case kioskRegistered = "kiosk-registered"
        case kioskList = "kiosk-list"
        case kioskOnline = "kiosk-online"
        case kioskOffline = "kiosk-offline"
        case kioskStatus = "kiosk-status"
        case monitoringStarted = "monitoring-started"
        case offer
        case answer
        case iceCandidate = "ice-candidate"
        case restartRequest = "restart-request"
        case sessionError = "session-error"
        case heartbeatPong = "heartbeat-pong"
        case crewSignOn = "crew-sign-on"
        case crewSignOff = "crew-sign-off"
        case monitoringStopped = "monitoring-stopped"
        case error
    }

    /// The event without its payload, for counting and `name`.
    public var kind: Kind {
        switch self {
        case .kioskRegistered: .kioskRegistered
        case .kioskList: .kioskList
        case .kioskOnline: .kioskOnline
        case .kioskOffline: .kioskOffline
        case .kioskStatus: .kioskStatus
        case .monitoringStartedForMonitor, .monitoringStartedForKiosk: .monitoringStarted
        case .offer: .offer
        case .answer: .answer
        case .iceCandidate: .iceCandidate
        case .restartRequest: .restartRequest
        case .sessionError: .sessionError
        case .heartbeatPong: .heartbeatPong
        case .crew(let event, _, _):
            switch event.kind {
            case .signOn: .crewSignOn
            case .signOff: .crewSignOff
            }
        case .monitoringStopped: .monitoringStopped
        case .error: .error
        }
    }

    /// The event's name on the wire.
    public var name: String { kind.rawValue }

    /// The event's arguments for the wire.
    public var arguments: [JSONValue] { [payload] }

    private var payload: JSONValue {
        switch self {
        case .kioskRegistered(let kioskId, let interval, let servers):
            ObjectBuilder.json {
                $0.set("kioskId", kioskId)
                $0.set("heartbeatInterval", Int(interval.components.seconds * 1000) + interval.wholeMilliseconds)
                $0.set("iceServers", .array(servers.map(\.json)))
                $0.set("protocol", SignalingProtocol.version)
            }
        case .kioskList(let entries):
            ["kiosks": .array(entries.map(\.json)), "protocol": .integer(SignalingProtocol.version)]
        case .kioskOnline(let entry), .kioskOffline(let entry), .kioskStatus(let entry): entry.json
        case .monitoringStartedForMonitor(let kioskId, let sessionId, let servers):
            started("kioskId", kioskId, sessionId, servers)
        case .monitoringStartedForKiosk(let monitorId, let sessionId, let servers):
            started("monitorId", monitorId, sessionId, servers)
        case .offer(let from, let session, let offer): addressed(from, session, "offer", offer.json)
        case .answer(let from, let session, let answer): addressed(from, session, "answer", answer.json)
        case .iceCandidate(let from, let session, let candidate):
            addressed(from, session, "candidate", candidate.json)
        case .restartRequest(let from, let session): addressed(from, session, nil, .null)
        case .sessionError(let from, let session, let error): addressed(from, session, "error", error.json)
        case .heartbeatPong(let serverTime): ["serverTime": .string(serverTime)]
        case .crew(let event, let kioskId, let receivedAt):
            ObjectBuilder.json {
                event.write(to: &$0)
                $0.set("kioskId", kioskId)
                $0.set("receivedAt", receivedAt)
            }
        case .monitoringStopped(let kioskId, let sessionId, let reason):
            ["kioskId": .string(kioskId), "sessionId": .string(sessionId), "reason": .string(reason.rawValue)]
        case .error(let error, let event):
            ["code": .string(error.code.rawValue), "message": .string(error.message), "event": .string(event)]
        }
    }

    private func started(_ name: String, _ id: String, _ session: String, _ servers: [ICEServer]) -> JSONValue {
        ObjectBuilder.json {
            $0.set(name, id)
            $0.set("sessionId", session)
            $0.set("iceServers", .array(servers.map(\.json)))
        }
    }

    private func addressed(_ from: String, _ session: String, _ name: String?, _ value: JSONValue) -> JSONValue {
        ObjectBuilder.json {
            $0.set("fromId", from)
            $0.set("sessionId", session)
            if let name { $0.set(name, value) }
        }
    }

    /// Reads an event from the wire, as a client does.
    /// - Throws: `bad-request` that names the field, or `unknown-event`.
    public init(name: String, arguments: [JSONValue]) throws(SignalingError) {
        guard let kind = Kind(rawValue: name) else {
            throw SignalingError(.unknownEvent, "no such event: \(name.prefix(64))")
        }
        let fields = try Fields(arguments: arguments, event: name)
        func from() throws(SignalingError) -> String { try fields.identifier("fromId") }
        func session() throws(SignalingError) -> String { try fields.identifier("sessionId") }
        switch kind {
        case .kioskRegistered:
            self = .kioskRegistered(
                kioskId: try fields.identifier("kioskId"),
                heartbeatInterval: .milliseconds(try fields.integer("heartbeatInterval", 1...86_400_000)),
                iceServers: try ICEServer.list(fields))
        case .kioskList:
            var entries: [KioskEntry] = []
            for entry in try fields.objects("kiosks", limit: SignalingLimit.kiosks) {
                entries.append(try KioskEntry(entry))
            }
            self = .kioskList(entries)
        case .kioskOnline: self = .kioskOnline(try KioskEntry(fields))
        case .kioskOffline: self = .kioskOffline(try KioskEntry(fields))
        case .kioskStatus: self = .kioskStatus(try KioskEntry(fields))
        case .monitoringStarted:
            let servers = try ICEServer.list(fields)
            if let monitorId = try fields.optionalIdentifier("monitorId") {
                self = .monitoringStartedForKiosk(
                    monitorId: monitorId, sessionId: try session(), iceServers: servers)
            } else {
                self = .monitoringStartedForMonitor(
                    kioskId: try fields.identifier("kioskId"), sessionId: try session(), iceServers: servers)
            }
        case .offer:
            self = .offer(
                fromId: try from(), sessionId: try session(),
                try DescriptionPayload(fields.fields("offer"), expected: .offer))
        case .answer:
            self = .answer(
                fromId: try from(), sessionId: try session(),
                try DescriptionPayload(fields.fields("answer"), expected: .answer))
        case .iceCandidate:
            self = .iceCandidate(fromId: try from(), sessionId: try session(), try CandidatePayload(memberOf: fields))
        case .restartRequest: self = .restartRequest(fromId: try from(), sessionId: try session())
        case .sessionError:
            self = .sessionError(
                fromId: try from(), sessionId: try session(), try SessionErrorPayload(fields.fields("error")))
        case .heartbeatPong: self = .heartbeatPong(serverTime: try fields.string("serverTime"))
        case .crewSignOn: self = try ServerEvent.crew(.signOn, fields)
        case .crewSignOff: self = try ServerEvent.crew(.signOff, fields)
        case .monitoringStopped:
            self = .monitoringStopped(
                kioskId: try fields.identifier("kioskId"), sessionId: try session(),
                reason: SessionEndReason(rawValue: try fields.string("reason")) ?? .other)
        case .error:
            self = .error(
                try SignalingError(fields), event: try fields.string("event", mayBeEmpty: true))
        }
    }

    private static func crew(_ kind: CrewEvent.Kind, _ fields: Fields) throws(SignalingError) -> ServerEvent {
        .crew(
            try CrewEvent(kind, fields), kioskId: try fields.identifier("kioskId"),
            receivedAt: try fields.string("receivedAt", limit: 64))
    }
}

extension Duration {
    /// The milliseconds beyond the whole seconds.
    fileprivate var wholeMilliseconds: Int { Int(components.attoseconds / 1_000_000_000_000_000) }
}
