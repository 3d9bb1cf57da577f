public import JSON

extension ClientEvent {
    /// Reads an event from the wire.
    /// - Throws: `bad-request` that names the field, or `unknown-event`.
    public init(name: String, arguments: [JSONValue]) throws(SignalingError) {
        guard let kind = Kind(rawValue: name) else {
            throw SignalingError(.unknownEvent, "no such event: \(name.prefix(64))")
        }
        func fields() throws(SignalingError) -> Fields { try Fields(arguments: arguments, event: name) }
        func optionalFields() throws(SignalingError) -> Fields {
            try Fields(optionalArguments: arguments, event: name)
        }
        switch kind {
        case .registerKiosk:
            self = .registerKiosk(try KioskRegistration(try optionalFields()))
        case .registerMonitor:
            self = .registerMonitor(try MonitorRegistration(try optionalFields()))
        case .startMonitoring:
            self = .startMonitoring(kioskId: try fields().identifier("kioskId"))
        case .stopMonitoring:
            let fields = try fields()
            self = .stopMonitoring(
                kioskId: try fields.identifier("kioskId"), sessionId: try fields.optionalIdentifier("sessionId"))
        case .offer:
            let (fields, target, session) = try ClientEvent.address(arguments, name)
            self = .offer(
                targetId: target, sessionId: session, try DescriptionPayload(fields.fields("offer"), expected: .offer))
        case .answer:
            let (fields, target, session) = try ClientEvent.address(arguments, name)
            self = .answer(
                targetId: target, sessionId: session, try DescriptionPayload(fields.fields("answer"), expected: .answer)
            )
        case .iceCandidate:
            let (fields, target, session) = try ClientEvent.address(arguments, name)
            self = .iceCandidate(targetId: target, sessionId: session, try CandidatePayload(memberOf: fields))
        case .restartRequest:
            let (_, target, session) = try ClientEvent.address(arguments, name)
            self = .restartRequest(targetId: target, sessionId: session)
        case .sessionError:
            let (fields, target, session) = try ClientEvent.address(arguments, name)
            self = .sessionError(targetId: target, sessionId: session, try SessionErrorPayload(fields.fields("error")))
        case .sessionReport:
            self = .sessionReport(try SessionReport(try fields()))
        case .heartbeatPing:
            guard let status = try optionalFields().optionalFields("status") else {
                self = .heartbeatPing(KioskStatus())
                return
            }
            self = .heartbeatPing(try KioskStatus(status))
        case .crewSignOn:
            self = .crew(try CrewEvent(.signOn, try fields()))
        case .crewSignOff:
            self = .crew(try CrewEvent(.signOff, try fields()))
        }
    }

    private static func address(
        _ arguments: [JSONValue], _ name: String
    ) throws(SignalingError) -> (fields: Fields, target: String, session: String?) {
        let fields = try Fields(arguments: arguments, event: name)
        return (fields, try fields.identifier("targetId"), try fields.optionalIdentifier("sessionId"))
    }

    /// The event's arguments for the wire.
    public var arguments: [JSONValue] {
        switch self {
        case .registerKiosk(let registration): [registration.json]
        case .registerMonitor(let registration):
            registration == MonitorRegistration() ? [] : [registration.json]
        case .startMonitoring(let kioskId): [["kioskId": .string(kioskId)]]
        case .stopMonitoring(let kioskId, let sessionId):
            [
                ObjectBuilder.json {
                    $0.set("kioskId", kioskId)
                    $0.set("sessionId", sessionId)
                }
            ]
        case .offer(let target, let session, let offer): [addressed(target, session, "offer", offer.json)]
        case .answer(let target, let session, let answer): [addressed(target, session, "answer", answer.json)]
        case .iceCandidate(let target, let session, let candidate):
            [addressed(target, session, "candidate", candidate.json)]
        case .restartRequest(let target, let session): [addressed(target, session, nil, .null)]
        case .sessionError(let target, let session, let error): [addressed(target, session, "error", error.json)]
        case .sessionReport(let report): [report.json]
        case .heartbeatPing(let status): [["status": .object(status.fields)]]
        case .crew(let event): [ObjectBuilder.json { event.write(to: &$0) }]
        }
    }

    private func addressed(_ target: String, _ session: String?, _ name: String?, _ value: JSONValue) -> JSONValue {
        ObjectBuilder.json {
            $0.set("targetId", target)
            $0.set("sessionId", session)
            if let name { $0.set(name, value) }
        }
    }
}
