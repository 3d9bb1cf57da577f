/// A rate in bits per second.
public struct Bitrate: Hashable, Comparable, Sendable {
    /// Never negative where it came from the wire or a configuration.
    public var bitsPerSecond: Int64

    /// Nothing is checked.
    /// Nothing at all.
    /// Thousands of bits per second, with their fraction.
    /// Thousands of bits per second; the fraction of a bit is cut.
    @inlinable public init(bitsPerSecond: Int64) { self.bitsPerSecond = bitsPerSecond }
    @inlinable public var kilobits: Double { Double(bitsPerSecond) / 1000 }
    @inlinable public static func kilobits(_ value: Double) -> Bitrate { Bitrate(bitsPerSecond: Int64(value * 1000)) }
    @inlinable public static var zero: Bitrate { Bitrate(bitsPerSecond: 0) }

    /// Wraps beyond 64 bits, which no path reaches.
    @inlinable public static func < (a: Bitrate, b: Bitrate) -> Bool { a.bitsPerSecond < b.bitsPerSecond }
    @inlinable public static func + (a: Bitrate, b: Bitrate) -> Bitrate {
        Bitrate(bitsPerSecond: a.bitsPerSecond &+ b.bitsPerSecond)
    }
    /// May be negative.
    @inlinable public static func - (a: Bitrate, b: Bitrate) -> Bitrate {
        Bitrate(bitsPerSecond: a.bitsPerSecond &- b.bitsPerSecond)
    }
    /// Rounded towards zero; traps where the product is no 64-bit number.
    @inlinable public static func * (a: Bitrate, factor: Double) -> Bitrate {
        Bitrate(bitsPerSecond: Int64(Double(a.bitsPerSecond) * factor))
    }
    /// What is transferred in `duration` at this rate.
    @inlinable public static func * (a: Bitrate, duration: Duration) -> DataSize {
        DataSize(bytes: Int(Double(a.bitsPerSecond) * duration.seconds / 8))
    }
}

extension Bitrate: CustomStringConvertible {
    public var description: String { "\(bitsPerSecond / 1000) kbit/s" }
}

/// An amount of data in bytes.
public struct DataSize: Hashable, Comparable, Sendable {
    /// Never negative where it came from a packet.
    public var bytes: Int

    /// Nothing is checked.
    /// Nothing at all.
    @inlinable public init(bytes: Int) { self.bytes = bytes }
    @inlinable public static var zero: DataSize { DataSize(bytes: 0) }

    /// May become negative.
    /// Wraps beyond 64 bits.
    /// Wraps beyond 64 bits.
    /// May be negative.
    @inlinable public static func < (a: DataSize, b: DataSize) -> Bool { a.bytes < b.bytes }
    @inlinable public static func + (a: DataSize, b: DataSize) -> DataSize { DataSize(bytes: a.bytes &+ b.bytes) }
    @inlinable public static func - (a: DataSize, b: DataSize) -> DataSize { DataSize(bytes: a.bytes &- b.bytes) }
    @inlinable public static func += (a: inout DataSize, b: DataSize) { a = a + b }
    @inlinable public static func -= (a: inout DataSize, b: DataSize) { a = a - b }
    /// The rate at which this much arrives in `duration`; `duration` must be positive.
    @inlinable public static func / (a: DataSize, duration: Duration) -> Bitrate {
        Bitrate(bitsPerSecond: Int64(Double(a.bytes) * 8 / duration.seconds))
    }
    /// The time this much takes at `rate`; `rate` must be positive.
    @inlinable public static func / (a: DataSize, rate: Bitrate) -> Duration {
        .nanoseconds(Int64(Double(a.bytes) * 8e9 / Double(rate.bitsPerSecond)))
    }
}
