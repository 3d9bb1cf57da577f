public import JSON
public import Media
internal import Primitives
public import Signaling

/// One line from a local program: the command line tool, the kiosk's own screen application, a badge reader's driver.
///
/// The control socket speaks JSON lines. A request is an object with `command`; an optional `id` of any kind comes
/// back in its answer. Answers are `{"ok":true,…}` or `{"ok":false,"error":{"code","message"}}`, in the order of the
/// requests. Members that a command does not have are ignored: they are a newer program's.
///
/// | command | members | answer |
/// |---|---|---|
/// | `crew-sign-on`, `crew-sign-off` | `crewId`; optional `name`, `role`, `train`, `eventId` | `eventId`, `occurredAt`, once stored and synced; `repeated` where that was so before |
/// | `crew-list` | | `events`: what waits for the server, oldest first, then what it refused |
/// | `crew-retry`, `crew-discard` | `eventId` of one that the server refused | `event`, which goes to the server once more, or is forgotten |
/// | `snapshot` | optional `format`: `jpeg` (default), `png` | `format`, `width`, `height`, and the file's contents as `data` (Base64) |
/// | `status` | | `status`, and `live`: whether media leaves the kiosk |
/// | `watch` | | the same, and then lines `{"event":"status","status":…}` whenever it changes, and for an on-screen sign `{"event":"indicator","live":true}` before the first picture leaves, with `false` after the last |
public enum ControlRequest: Equatable, Sendable {
    case crew(CrewEntry)
    case crewList
    case crewRetry(eventId: String)
    case crewDiscard(eventId: String)
    case snapshot(Snapshot.Format)
    case status
    case watch

    /// Why a request is not done: the `error` of its answer.
    public struct Refusal: Error, Equatable, Sendable {
        var code: String
        /// What is wrong with the request, in one line of English.
        public var message: String

        static func bad(_ message: String) -> Refusal { Refusal(code: "bad-request", message: message) }
    }

    /// The `id` that the answer repeats.
    static func identifier(_ line: JSONValue) -> JSONValue? { line["id"] }

    init(_ line: JSONValue) throws(Refusal) {
        guard case .object(let members) = line else { throw .bad("a request is a JSON object") }
        guard let command = members["command"]?.string else { throw .bad("command is missing or not a text") }
        switch command {
        case "crew-sign-on", "crew-sign-off":
            self = .crew(try CrewEntry(kind: command == "crew-sign-on" ? .signOn : .signOff, members))
        case "crew-retry", "crew-discard":
            guard let eventId = members["eventId"]?.string else { throw .bad("eventId is missing or not a text") }
            self = command == "crew-retry" ? .crewRetry(eventId: eventId) : .crewDiscard(eventId: eventId)
        case "crew-list": self = .crewList
        case "snapshot":
            let name = members["format"] ?? "jpeg"
            guard let format = name.string.flatMap({ Snapshot.Format(rawValue: $0) }) else {
                throw .bad("format must be jpeg or png")
            }
            self = .snapshot(format)
        case "status": self = .status
        case "watch": self = .watch
        default: throw Refusal(code: "unknown-command", message: "no command is named \(ControlRequest.shown(command))")
        }
    }

    fileprivate static func shown(_ text: String) -> String {
        let safe = text.unicodeScalars.prefix(40).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }
        return "\"\(safe.joined())\""
    }
}

/// A sign-on or sign-off, checked and not yet stored.
public struct CrewEntry: Hashable, Sendable {
    var kind: CrewEvent.Kind
    var crewId: String
    var name: String?
    var role: String?
    var train: String?
    /// The asking program's own name for the event, in its canonical form; nil lets the outbox choose one. The same one again
    /// is the same event.
    var eventId: String?

    static let longestIdentifier = 64
    static let longestName = 200

    /// Checks what a program or the command line gave.
    ///
    /// - Parameters:
    ///   - crewId: 1 to 64 bytes, as `role` and `train`; `name` 1 to 200 bytes; all without control characters.
    ///   - eventId: A UUID (RFC 9562).
    /// - Throws: The first rule that is broken, with code `bad-request`.
    public init(
        kind: CrewEvent.Kind, crewId: String, name: String? = nil, role: String? = nil, train: String? = nil,
        eventId: String? = nil
    ) throws(ControlRequest.Refusal) {
        self.kind = kind
        self.crewId = try CrewEntry.check("crewId", crewId, CrewEntry.longestIdentifier)
        self.name = try name.map { value throws(ControlRequest.Refusal) in
            try CrewEntry.check("name", value, CrewEntry.longestName)
        }
        self.role = try role.map { value throws(ControlRequest.Refusal) in
            try CrewEntry.check("role", value, CrewEntry.longestIdentifier)
        }
        self.train = try train.map { value throws(ControlRequest.Refusal) in
            try CrewEntry.check("train", value, CrewEntry.longestIdentifier)
        }
        self.eventId = try eventId.map { value throws(ControlRequest.Refusal) in
            guard let canonical = EventIdentifiers.canonical(value) else {
                throw .bad("eventId must be a UUID like 01a1fe03-f2e1-74c7-9bac-6c06b8f839e8")
            }
            return canonical
        }
    }

    fileprivate init(kind: CrewEvent.Kind, _ members: JSONObject) throws(ControlRequest.Refusal) {
        func text(_ name: String) throws(ControlRequest.Refusal) -> String? {
            guard let value = members[name], !value.isNull else { return nil }
            guard let text = value.string else { throw .bad("\(name) must be a text") }
            return text
        }
        guard let crewId = try text("crewId") else { throw .bad("crewId is missing") }
        try self.init(
            kind: kind, crewId: crewId, name: try text("name"), role: try text("role"), train: try text("train"),
            eventId: try text("eventId"))
    }

    private static func check(
        _ name: String, _ value: String, _ limit: Int
    ) throws(ControlRequest.Refusal) -> String {
        guard !value.isEmpty else { throw .bad("\(name) must not be empty") }
        guard value.utf8.count <= limit else { throw .bad("\(name) must be at most \(limit) bytes long") }
        guard value.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw .bad("\(name) must not contain control characters")
        }
        return value
    }

    /// For the control socket.
    public var json: JSONValue {
        var members = JSONObject([("command", .string(kind.rawValue)), ("crewId", .string(crewId))])
        members["name"] = name.map(JSONValue.string)
        members["role"] = role.map(JSONValue.string)
        members["train"] = train.map(JSONValue.string)
        members["eventId"] = eventId.map(JSONValue.string)
        return .object(members)
    }
}
