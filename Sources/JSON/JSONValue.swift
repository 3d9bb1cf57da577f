/// A JSON value (RFC 8259), and the binary attachments that Socket.IO allows where JSON has values.
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
    /// Bytes that travel beside the JSON text as an attachment; only inside a Socket.IO payload.
    case binary([UInt8])
}

extension JSONValue {
    /// The member of that name when this is an object; nil when there is none. JSON's null is `.null`.
    public subscript(name: String) -> JSONValue? {
        if case .object(let object) = self { object[name] } else { nil }
    }
    /// The element at that index when this is an array that has it; otherwise nil.
    public subscript(index: Int) -> JSONValue? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }
    /// The text when this is a string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The truth value when this is one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The number when it is a whole one within 64 bits.
    public var integer: Int64? { if case .number(let value) = self { value.integer } else { nil } }
    /// The number as the nearest double.
    public var double: Double? { if case .number(let value) = self { value.double } else { nil } }
    /// The elements when this is an array.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The members when this is an object.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Whether this is JSON's null.
    public var isNull: Bool { self == .null }

    /// A whole number; traps beyond 64 bits.
    public static func integer(_ value: some BinaryInteger) -> JSONValue { .number(JSONNumber(Int64(value))) }
    /// A fractional number; infinities and NaN, which JSON has not, become null.
    public static func double(_ value: Double) -> JSONValue { JSONNumber(value).map(JSONValue.number) ?? .null }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A JSON string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A JSON number without fraction.
    public init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
    /// `value` as `double` makes it.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// JSON's null.
    public init(nilLiteral: ()) { self = .null }
    /// A JSON array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// A JSON object; of two members with one name the later wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}

extension JSONValue {
    /// Whether there are bytes anywhere in it: it then travels with attachments.
    public var containsBinary: Bool {
        switch self {
        case .binary: true
        case .array(let elements): elements.contains { $0.containsBinary }
        case .object(let object): object.members.contains { $0.value.containsBinary }
        case .null, .bool, .number, .string: false
        }
    }
}
