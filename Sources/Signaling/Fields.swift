internal import JSON
internal import Primitives

/// How long texts of the contract may be, in bytes of UTF-8.
public enum SignalingLimit {
    /// Identifiers of accounts, sessions, clients, crew events and sections.
    public static let identifier = 128
    /// Names and one-line texts that people read.
    public static let text = 256
    /// A session description.
    public static let sdp = 64 * 1024
    /// One candidate line.
    public static let candidate = 2 * 1024
    /// Sessions, ICE servers, URLs of one server.
    public static let list = 64
    /// Kiosks of one organization in one list.
    public static let kiosks = 10_000
    /// A heartbeat's status as JSON.
    public static let status = 4 * 1024
}

/// Which characters a text of the contract may have.
public enum TextRule: Sendable {
    /// A name or one line of text: nothing that a terminal, a log or a page shows as something else.
    case line
    /// Lines of a session description.
    case lines
    /// A secret, which is never shown: anything but NUL, where C ends a text.
    case secret

    /// Whether every scalar of the text may stand in it. The empty text may.
    public func allows(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(allows) }

    private func allows(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0: false
        case 0x09, 0x0A, 0x0D: self != .line
        // C0 and C1 controls; line and paragraph separators; embeddings, overrides and isolates of the
        // bidirectional algorithm (UAX #9), which show a text in another order than it has.
        case 0x01...0x1F, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: self == .secret
        default: true
        }
    }
}

/// Reads an object's members and names the one that breaks a rule. Unknown members are ignored.
struct Fields {
    let object: JSONObject
    /// In front of a member's name in messages: empty or ending in a dot.
    let path: String

    /// The first argument of an event, which is an object.
    init(arguments: [JSONValue], event: String) throws(SignalingError) {
        guard case .object(let object)? = arguments.first else {
            throw SignalingError(.badRequest, "\(event): payload must be an object")
        }
        self.init(object: object, path: "")
    }

    /// The first argument of an event that may come without one.
    init(optionalArguments arguments: [JSONValue], event: String) throws(SignalingError) {
        switch arguments.first {
        case nil, .null?: self.init(object: JSONObject(), path: "")
        case .object(let object)?: self.init(object: object, path: "")
        default: throw SignalingError(.badRequest, "\(event): payload must be an object")
        }
    }

    init(json: JSONValue, what: String) throws(SignalingError) {
        guard case .object(let object) = json else {
            throw SignalingError(.badRequest, "\(what) must be an object")
        }
        self.init(object: object, path: "")
    }

    private init(object: JSONObject, path: String) {
        self.object = object
        self.path = path
    }

    func refuse(_ name: String, _ rule: String) -> SignalingError {
        SignalingError(.badRequest, "\(path)\(name): \(rule)")
    }

    /// Nil when it is absent or null.
    private func value(_ name: String) -> JSONValue? {
        switch object[name] {
        case nil, .null?: nil
        case let value?: value
        }
    }

    func optionalString(
        _ name: String, limit: Int = SignalingLimit.text, rule: TextRule = .line
    ) throws(SignalingError) -> String? {
        guard let value = value(name) else { return nil }
        return try text(value, name, limit: limit, rule: rule)
    }

    private func text(
        _ value: JSONValue, _ name: String, limit: Int, rule: TextRule
    ) throws(SignalingError) -> String {
        guard case .string(let text) = value else { throw refuse(name, "must be a string") }
        guard text.utf8.count <= limit else { throw refuse(name, "longer than \(limit) bytes") }
        guard rule.allows(text) else { throw refuse(name, "contains a control character") }
        return text
    }

    func string(
        _ name: String, limit: Int = SignalingLimit.text, mayBeEmpty: Bool = false, rule: TextRule = .line
    ) throws(SignalingError) -> String {
        guard let text = try optionalString(name, limit: limit, rule: rule) else { throw refuse(name, "missing") }
        guard mayBeEmpty || !text.isEmpty else { throw refuse(name, "must not be empty") }
        return text
    }

    func identifier(_ name: String) throws(SignalingError) -> String {
        try string(name, limit: SignalingLimit.identifier)
    }

    func optionalIdentifier(_ name: String) throws(SignalingError) -> String? {
        guard let text = try optionalString(name, limit: SignalingLimit.identifier) else { return nil }
        guard !text.isEmpty else { throw refuse(name, "must not be empty") }
        return text
    }

    /// A point in time as RFC 3339 section 5.6 writes it, with its offset, in the words it came in.
    func time(_ name: String) throws(SignalingError) -> String {
        let text = try string(name, limit: 64)
        guard WallClock(text: text) != nil else { throw refuse(name, "must be a time like 2026-01-31T04:05:06Z") }
        return text
    }

    func optionalBool(_ name: String) throws(SignalingError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let bool) = value else { throw refuse(name, "must be true or false") }
        return bool
    }

    func bool(_ name: String) throws(SignalingError) -> Bool {
        guard let bool = try optionalBool(name) else { throw refuse(name, "missing") }
        return bool
    }

    func optionalInteger(_ name: String, _ range: ClosedRange<Int64>) throws(SignalingError) -> Int? {
        guard let value = value(name) else { return nil }
        guard let integer = value.integer else { throw refuse(name, "must be a whole number") }
        guard range.contains(integer) else { throw refuse(name, "must be within \(range)") }
        return Int(integer)
    }

    func integer(_ name: String, _ range: ClosedRange<Int64>) throws(SignalingError) -> Int {
        guard let integer = try optionalInteger(name, range) else { throw refuse(name, "missing") }
        return integer
    }

    func optionalNumber(_ name: String, _ range: ClosedRange<Double>) throws(SignalingError) -> Double? {
        guard let value = value(name) else { return nil }
        guard let number = value.double else { throw refuse(name, "must be a number") }
        guard range.contains(number) else { throw refuse(name, "must be within \(range)") }
        return number
    }

    func optionalFields(_ name: String) throws(SignalingError) -> Fields? {
        guard let value = value(name) else { return nil }
        guard case .object(let object) = value else { throw refuse(name, "must be an object") }
        return Fields(object: object, path: "\(path)\(name).")
    }

    func fields(_ name: String) throws(SignalingError) -> Fields {
        guard let fields = try optionalFields(name) else { throw refuse(name, "missing") }
        return fields
    }

    func optionalArray(_ name: String, limit: Int = SignalingLimit.list) throws(SignalingError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard case .array(let elements) = value else { throw refuse(name, "must be an array") }
        guard elements.count <= limit else { throw refuse(name, "more than \(limit) entries") }
        return elements
    }

    func array(_ name: String, limit: Int = SignalingLimit.list) throws(SignalingError) -> [JSONValue] {
        guard let elements = try optionalArray(name, limit: limit) else { throw refuse(name, "missing") }
        return elements
    }

    /// The elements of an array of objects.
    func objects(_ name: String, limit: Int = SignalingLimit.list) throws(SignalingError) -> [Fields] {
        var result: [Fields] = []
        for (index, element) in try array(name, limit: limit).enumerated() {
            guard case .object(let object) = element else { throw refuse("\(name)[\(index)]", "must be an object") }
            result.append(Fields(object: object, path: "\(path)\(name)[\(index)]."))
        }
        return result
    }

    func optionalIdentifiers(_ name: String) throws(SignalingError) -> [String]? {
        guard let elements = try optionalArray(name) else { return nil }
        return try strings(elements, name, limit: SignalingLimit.identifier)
    }

    func strings(_ elements: [JSONValue], _ name: String, limit: Int) throws(SignalingError) -> [String] {
        var result: [String] = []
        for (index, element) in elements.enumerated() {
            result.append(try text(element, "\(name)[\(index)]", limit: limit, rule: .line))
        }
        return result
    }

    func word<Word: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Word.Type
    ) throws(SignalingError) -> Word where Word.RawValue == String {
        let text = try string(name)
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw refuse(name, "must be one of \(words)")
        }
        return word
    }
}

/// Builds an object member by member, leaving out what is nil.
struct ObjectBuilder {
    private(set) var members: [JSONObject.Member] = []

    mutating func set(_ name: String, _ value: JSONValue?) {
        if let value { members.append(.init(name: name, value: value)) }
    }
    mutating func set(_ name: String, _ value: String?) { set(name, value.map(JSONValue.string)) }
    mutating func set(_ name: String, _ value: Bool?) { set(name, value.map(JSONValue.bool)) }
    mutating func set(_ name: String, _ value: Int?) { set(name, value.map { JSONValue.integer($0) }) }
    mutating func set(_ name: String, _ value: [String]?) {
        set(name, value.map { .array($0.map(JSONValue.string)) })
    }
    /// Null stands where the contract has a member that may be unknown.
    mutating func setOrNull(_ name: String, _ value: String?) { set(name, value.map(JSONValue.string) ?? .null) }

    var json: JSONValue { .object(JSONObject(members: members)) }

    static func json(_ build: (inout ObjectBuilder) -> Void) -> JSONValue {
        var builder = ObjectBuilder()
        build(&builder)
        return builder.json
    }
}
