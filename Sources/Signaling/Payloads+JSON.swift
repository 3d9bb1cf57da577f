internal import JSON

extension MediaAvailability {
    init(_ fields: Fields) throws(SignalingError) {
        self.init(video: try fields.optionalBool("video"), audio: try fields.optionalBool("audio"))
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("video", video)
            $0.set("audio", audio)
        }
    }
}

extension KioskRegistration {
    init(_ fields: Fields) throws(SignalingError) {
        self.init(
            version: try fields.optionalString("version"), hostname: try fields.optionalString("hostname"),
            sessions: try fields.optionalIdentifiers("sessions"))
        if let media = try fields.optionalFields("media") { self.media = try MediaAvailability(media) }
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("version", version)
            $0.set("hostname", hostname)
            $0.set("media", media?.json)
            $0.set("sessions", sessions)
        }
    }
}

extension MonitorRegistration {
    init(_ fields: Fields) throws(SignalingError) {
        self.init(
            clientId: try fields.optionalIdentifier("clientId"), sessions: try fields.optionalIdentifiers("sessions"))
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("clientId", clientId)
            $0.set("sessions", sessions)
        }
    }
}

extension DescriptionPayload {
    /// - Parameter expected: the event's own kind; a browser's description says the same.
    init(_ fields: Fields, expected: Kind) throws(SignalingError) {
        let text = try fields.string("type")
        guard text == expected.rawValue else { throw fields.refuse("type", "must be \(expected.rawValue)") }
        self.init(type: expected, sdp: try fields.string("sdp", limit: SignalingLimit.sdp, rule: .lines))
    }
    var json: JSONValue { ["type": .string(type.rawValue), "sdp": .string(sdp)] }
}

extension CandidatePayload {
    /// The member `candidate` of an event's payload: null, absent or empty is end-of-candidates.
    init(memberOf fields: Fields) throws(SignalingError) {
        guard let candidate = try fields.optionalFields("candidate") else {
            self.init(candidate: "")
            return
        }
        self.init(
            candidate: try candidate.optionalString("candidate", limit: SignalingLimit.candidate) ?? "",
            sdpMid: try candidate.optionalString("sdpMid", limit: SignalingLimit.identifier),
            sdpMLineIndex: try candidate.optionalInteger("sdpMLineIndex", 0...65535),
            usernameFragment: try candidate.optionalString("usernameFragment", limit: SignalingLimit.text))
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("candidate", candidate)
            $0.setOrNull("sdpMid", sdpMid)
            $0.set("sdpMLineIndex", sdpMLineIndex.map { JSONValue.integer($0) } ?? .null)
            $0.set("usernameFragment", usernameFragment)
        }
    }
}

extension ICEServer {
    init(_ fields: Fields) throws(SignalingError) {
        let urls: [String]
        // RTCIceServer lets `urls` be one string.
        if let one = fields.object["urls"]?.string {
            urls = [one]
        } else {
            urls = try fields.strings(try fields.array("urls"), "urls", limit: 1024)
        }
        self.init(
            urls: urls, username: try fields.optionalString("username", limit: 512),
            credential: try fields.optionalString("credential", limit: 512))
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("urls", urls)
            $0.set("username", username)
            $0.set("credential", credential)
        }
    }

    static func list(_ fields: Fields) throws(SignalingError) -> [ICEServer] {
        var servers: [ICEServer] = []
        for server in try fields.objects("iceServers") { servers.append(try ICEServer(server)) }
        return servers
    }
}

extension KioskStatus {
    /// The contract's, and what our agent says beside them of its disk and its clock.
    static let names: Set<String> = [
        "camera", "microphone", "network", "temperature", "memory", "outbox", "live", "storage", "clock",
    ]

    init(_ fields: Fields) throws(SignalingError) {
        _ = try fields.optionalBool("live")
        let known = fields.object.members.filter { KioskStatus.names.contains($0.name) }
        // Passed on as it is, and bytes would make a packet of it that no monitor of this contract reads.
        if let member = known.first(where: { $0.value.containsBinary }) {
            throw fields.refuse(member.name, "must not be binary")
        }
        if let member = known.first(where: { !$0.value.hasOnlyLines }) {
            throw fields.refuse(member.name, "contains a control character")
        }
        self.init(fields: JSONObject(members: known))
        guard JSONValue.object(self.fields).jsonText.count <= SignalingLimit.status else {
            throw SignalingError(.badRequest, "status: longer than \(SignalingLimit.status) bytes")
        }
    }
}

extension JSONValue {
    /// Whether every text and name in it may stand in one line.
    fileprivate var hasOnlyLines: Bool {
        switch self {
        case .string(let text): TextRule.line.allows(text)
        case .array(let elements): elements.allSatisfy(\.hasOnlyLines)
        case .object(let object):
            object.members.allSatisfy { TextRule.line.allows($0.name) && $0.value.hasOnlyLines }
        case .null, .bool, .number, .binary: true
        }
    }
}

extension CrewEvent {
    init(_ kind: Kind, _ fields: Fields) throws(SignalingError) {
        self.init(
            kind: kind, eventId: try fields.identifier("eventId"), crewId: try fields.identifier("crewId"),
            name: try fields.optionalString("name"), role: try fields.optionalString("role"),
            train: try fields.optionalString("train"), occurredAt: try fields.time("occurredAt"),
            clock: try fields.optionalString("clock").flatMap(Clock.init(rawValue:)))
    }
    func write(to builder: inout ObjectBuilder) {
        builder.set("eventId", eventId)
        builder.set("crewId", crewId)
        builder.set("name", name)
        builder.set("role", role)
        builder.set("train", train)
        builder.set("occurredAt", occurredAt)
        builder.set("clock", clock?.rawValue)
    }
}

extension KioskEntry {
    init(_ fields: Fields) throws(SignalingError) {
        self.init(
            kioskId: try fields.identifier("kioskId"), displayName: try fields.string("displayName", mayBeEmpty: true),
            online: try fields.bool("online"), lastSeen: try fields.optionalString("lastSeen"),
            monitoredBy: try fields.optionalIdentifier("monitoredBy"), status: nil)
        if let status = try fields.optionalFields("status") { self.status = try KioskStatus(status) }
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("kioskId", kioskId)
            $0.set("displayName", displayName)
            $0.set("online", online)
            $0.setOrNull("lastSeen", lastSeen)
            $0.setOrNull("monitoredBy", monitoredBy)
            $0.set("status", status.map { .object($0.fields) } ?? .null)
        }
    }
}

extension SessionReport {
    init(_ fields: Fields) throws(SignalingError) {
        self.init(
            sessionId: try fields.identifier("sessionId"), state: try fields.word("state", State.self),
            firstFrameMs: try fields.optionalInteger("firstFrameMs", 0...86_400_000),
            reason: try fields.optionalString("reason"))
    }
    var json: JSONValue {
        ObjectBuilder.json {
            $0.set("sessionId", sessionId)
            $0.set("state", state.rawValue)
            $0.set("firstFrameMs", firstFrameMs)
            $0.set("reason", reason)
        }
    }
}

extension SessionErrorPayload {
    init(_ fields: Fields) throws(SignalingError) {
        self.init(
            code: try fields.string("code"),
            message: try fields.optionalString("message", limit: 1024, rule: .lines) ?? "")
    }
    var json: JSONValue { ["code": .string(code), "message": .string(message)] }
}
