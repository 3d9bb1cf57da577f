/// A synchronization source: whose packets these are (RFC 3550 section 3).
public struct SSRC: Hashable, Sendable {
    public var rawValue: UInt32

    /// Any number is a source.
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// A random source identifier; never 0, which some peers use for "none".
    public static func random(using random: inout RandomSource) -> SSRC {
        SSRC(UInt32.random(in: 1...UInt32.max, using: &random))
    }
}

extension SSRC: CustomStringConvertible {
    public var description: String { String(rawValue) }
}

/// An RTP payload type, 0 … 127 (RFC 3550 section 5.1).
public struct PayloadType: Hashable, Sendable {
    public let rawValue: UInt8

    /// Nil above 127.
    @inlinable public init?(_ rawValue: UInt8) {
        guard rawValue < 128 else { return nil }
        self.rawValue = rawValue
    }

    /// The seven lower bits of an RTP header's second byte.
    @inlinable public init(masking byte: UInt8) { rawValue = byte & 0x7F }
}

extension PayloadType: CustomStringConvertible {
    public var description: String { String(rawValue) }
}

/// What transport-wide feedback says of one packet we sent.
public struct PacketArrival: Hashable, Sendable {
    /// The transport-wide sequence number that the packet carried.
    public var sequence: SequenceNumber
    /// When it arrived, on the receiver's clock with an arbitrary origin; nil: not received so far.
    public var arrival: Instant?

    /// `arrival` nil: not received so far.
    @inlinable public init(sequence: SequenceNumber, arrival: Instant?) {
        self.sequence = sequence
        self.arrival = arrival
    }
}
