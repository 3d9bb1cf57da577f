import Primitives

/// One channel of a `DataChannels`, for as long as it lives; never used again, though its stream is.
public struct ChannelID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Counted from one in the order of opening.
    public var rawValue: UInt64

    /// Nothing is checked.
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: ChannelID, b: ChannelID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "channel \(rawValue)" }
}

/// What both sides know of a channel (RFC 8832 section 5.1).
public struct DataChannelParameters: Hashable, Sendable {
    /// Any text of at most 65,535 bytes; not an identifier.
    public var label: String
    /// The subprotocol, at most 65,535 bytes; empty: none.
    public var subprotocol: String
    /// Whether messages arrive in the order of sending.
    public var isOrdered: Bool
    /// How hard each message is tried; retransmissions and milliseconds of 32 bits on the wire.
    public var reliability: Reliability
    /// 0 … 65,535; told to the peer and not used here: streams have their turns.
    public var priority: UInt16

    /// Ordered and reliable, without subprotocol.
    public init(
        label: String, subprotocol: String = "", isOrdered: Bool = true, reliability: Reliability = .reliable,
        priority: UInt16 = 256
    ) {
        self.label = label
        self.subprotocol = subprotocol
        self.isOrdered = isOrdered
        self.reliability = reliability
        self.priority = priority
    }
}

/// A message of a channel. A text's bytes are UTF-8 once the receiver has checked them.
public enum DataChannelMessage: Hashable, Sendable {
    case text([UInt8])
    case binary([UInt8])

    /// Bytes of payload; may be none.
    @inlinable public var count: Int {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes.count
        }
    }
}

/// What `DataChannels` refuses.
public enum DataChannelError: Error, Hashable, Sendable {
    /// No channel of this number, or one that is closed.
    case channelUnknown
    /// It is being closed.
    case channelClosing
    /// A label or subprotocol of more bytes than DCEP has room for.
    case textTooLong(limit: Int)
    /// As many channels as the configuration allows.
    case tooManyChannels(limit: Int)
    /// No stream of our parity is free.
    case noStreamFree
    /// The stream that was asked for has a channel, or is none.
    case streamUnavailable(StreamID)
    /// What SCTP refused.
    case refused(SendRefusal)
}

extension DataChannelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .channelUnknown: "data channel: it does not exist or is closed; open another one"
        case .channelClosing: "data channel: it is being closed; open another one"
        case .textTooLong(let limit): "data channel: label or subprotocol too long; use at most \(limit) bytes"
        case .tooManyChannels(let limit): "data channel: there are \(limit) already; close one first"
        case .noStreamFree: "data channel: no stream is free; close a channel first"
        case .streamUnavailable(let stream): "data channel: \(stream) is in use or beyond the limit; choose another one"
        case .refused(let refusal): "data channel: \(refusal)"
        }
    }
}
