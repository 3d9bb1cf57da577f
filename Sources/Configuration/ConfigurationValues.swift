public import Primitives

extension Duration {
    /// Parses `500ms`, `10s`, `5m`, `24h`, `90d`, with a fraction where it makes sense (`1.5s`); nil for anything
    /// else, a bare or negative number included, because a number without a unit is read differently by everybody.
    public init?(configured text: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]
        guard let (suffix, seconds) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(suffix.utf8.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            let value = Double(digits), value * seconds < 1e9
        else { return nil }
        self = .nanoseconds(Int64((value * seconds * 1e9).rounded()))
    }
}

/// An amount of bytes written as `64KiB`, `10MiB`, `2GiB` or a plain number of bytes.
public struct ConfiguredSize: Hashable, Sendable, Decodable {
    /// Not negative when it was read from text.
    public var bytes: Int

    /// Nothing is checked.
    public init(bytes: Int) { self.bytes = bytes }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let size = ConfiguredSize(configured: text) else {
            throw RuleViolation("must be a size like 64KiB, 10MiB or 2GiB")
        }
        self = size
    }

    /// Nil for anything but a whole number that is not negative, with KiB, MiB, GiB or no unit.
    public init?(configured text: String) {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
        guard let (suffix, factor) = units.first(where: { text.hasSuffix($0.0) }),
            let value = Int(text.dropLast(suffix.utf8.count)), value >= 0
        else { return nil }
        let (bytes, overflow) = value.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
    }
}

/// A value whose text no error may show.
protocol SecretValue {}

extension Redacted: SecretValue {}

extension Redacted: Decodable where Value: Decodable {
    public init(from decoder: any Decoder) throws { self.init(try Value(from: decoder)) }
}

extension KeyedDecodingContainer {
    /// The value of a key, or `fallback` when the key is not written down.
    public func value<T: Decodable>(_ key: Key, default fallback: @autoclosure () -> T) throws -> T {
        try decodeIfPresent(T.self, forKey: key) ?? fallback()
    }

    /// The value of a key that must lie in a range, or `fallback` when the key is not written down.
    public func value<T: Decodable & Comparable>(
        _ key: Key, in range: ClosedRange<T>, default fallback: @autoclosure () -> T
    ) throws -> T {
        try value(key, default: fallback()) { value in
            range.contains(value) ? nil : "must be between \(range.lowerBound) and \(range.upperBound)"
        }
    }

    /// The value of a key that must satisfy `rule`, or `fallback` when the key is not written down. `rule` returns
    /// the text of the rule that is broken, or nil.
    public func value<T: Decodable>(
        _ key: Key, default fallback: @autoclosure () -> T, rule: (T) -> String?
    ) throws -> T {
        guard let value = try decodeIfPresent(T.self, forKey: key) else { return fallback() }
        try check(key, rule(value))
        return value
    }

    /// The value of a key that must be there and satisfy `rule`.
    public func value<T: Decodable>(_ key: Key, rule: (T) -> String?) throws -> T {
        let value = try decode(T.self, forKey: key)
        try check(key, rule(value))
        return value
    }

    private func check(_ key: Key, _ broken: String?) throws {
        guard let broken else { return }
        throw DecodingError.dataCorrupted(
            .init(codingPath: codingPath + [key], debugDescription: broken, underlyingError: RuleViolation(broken)))
    }
}
