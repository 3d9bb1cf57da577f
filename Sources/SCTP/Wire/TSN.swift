/// A transmission sequence number: 32 bits, order is modulo 2^32 (RFC 9260 section 1.6).
struct TSN: Hashable, Sendable {
    var rawValue: UInt32

    init(_ rawValue: UInt32) { self.rawValue = rawValue }

    var next: TSN { TSN(rawValue &+ 1) }
    var previous: TSN { TSN(rawValue &- 1) }
    func advanced(by distance: Int) -> TSN { TSN(rawValue &+ UInt32(truncatingIfNeeded: distance)) }

    /// The signed distance from `other` to this one, within half of the numbers either way.
    func distance(from other: TSN) -> Int { Int(Int32(bitPattern: rawValue &- other.rawValue)) }
}

/// The sequence number of an ordered message in its stream: 16 bits (RFC 9260 section 6.5).
struct StreamSequence: Hashable, Sendable {
    var rawValue: UInt16

    init(_ rawValue: UInt16) { self.rawValue = rawValue }

    static var zero: StreamSequence { StreamSequence(0) }
    var next: StreamSequence { StreamSequence(rawValue &+ 1) }

    /// The signed distance from `other` to this one, within half of the numbers either way.
    func distance(from other: StreamSequence) -> Int { Int(Int16(bitPattern: rawValue &- other.rawValue)) }
}

/// A stream of an association, in one direction: 0 … 65,534 in WebRTC (RFC 8831 section 6.2).
public struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it stands on the wire.
    public var rawValue: UInt16

    /// Nothing is checked.
    @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable public static func < (a: StreamID, b: StreamID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "stream \(rawValue)" }
}

/// What a message is, for the layer above SCTP. The known numbers are those of data channels (RFC 8831 section 8).
public struct PayloadProtocol: Hashable, Sendable {
    /// The payload protocol identifier of the DATA chunks.
    public var rawValue: UInt32

    /// Any number may be sent.
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// WebRTC DCEP: a message of the Data Channel Establishment Protocol (RFC 8832).
    public static let establishment = PayloadProtocol(50)
    /// WebRTC String: UTF-8 of at least one byte.
    public static let string = PayloadProtocol(51)
    /// WebRTC Binary: at least one byte.
    public static let binary = PayloadProtocol(53)
    /// WebRTC String Empty: one byte that means nothing stands for the empty text.
    public static let emptyString = PayloadProtocol(56)
    /// WebRTC Binary Empty: one byte that means nothing stands for the empty message.
    public static let emptyBinary = PayloadProtocol(57)
}
