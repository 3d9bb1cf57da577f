public import Primitives

/// A packet of Engine.IO v4 ("Packet types"). Binary messages have no type on a WebSocket; they are always messages.
public enum EngineIOPacket: Hashable, Sendable {
    /// The handshake's JSON.
    case open([UInt8])
    case close
    case ping([UInt8])
    case pong([UInt8])
    case message([UInt8])
    case binary([UInt8])
    case upgrade
    case noop

    /// Why bytes are no packet; its session is closed then.
    public enum DecodingError: Error, Equatable, Sendable {
        case empty
        case unknownType(UInt8)
        case badBase64
    }

    /// Reads a text packet: a digit and its data.
    public init(text: [UInt8]) throws(DecodingError) {
        guard let type = text.first else { throw .empty }
        switch type {
        case UInt8(ascii: "0"): self = .open(Array(text.dropFirst()))
        case UInt8(ascii: "1"): self = .close
        case UInt8(ascii: "2"): self = .ping(Array(text.dropFirst()))
        case UInt8(ascii: "3"): self = .pong(Array(text.dropFirst()))
        case UInt8(ascii: "4"): self = .message(Array(text.dropFirst()))
        case UInt8(ascii: "5"): self = .upgrade
        case UInt8(ascii: "6"): self = .noop
        default: throw .unknownType(type)
        }
    }

    /// Reads a WebSocket message: text as `init(text:)`, bytes as a binary message.
    public init(_ message: WebSocketMessage) throws(DecodingError) {
        switch message {
        case .text(let bytes): try self.init(text: bytes)
        case .binary(let bytes): self = .binary(bytes)
        }
    }

    /// One packet per frame; binary raw.
    public var webSocketMessage: WebSocketMessage {
        switch self {
        case .open(let data): .text([UInt8(ascii: "0")] + data)
        case .close: .text([UInt8(ascii: "1")])
        case .ping(let data): .text([UInt8(ascii: "2")] + data)
        case .pong(let data): .text([UInt8(ascii: "3")] + data)
        case .message(let data): .text([UInt8(ascii: "4")] + data)
        case .binary(let data): .binary(data)
        case .upgrade: .text([UInt8(ascii: "5")])
        case .noop: .text([UInt8(ascii: "6")])
        }
    }
}

/// The body of a long-polling request or answer: packets joined by the record separator, binary as `b` and base64.
public enum EngineIOPayload {
    static let separator: UInt8 = 0x1E

    /// Reads all packets, or none when one is bad.
    public static func decode(_ body: [UInt8]) throws(EngineIOPacket.DecodingError) -> [EngineIOPacket] {
        var packets: [EngineIOPacket] = []
        var start = 0
        while start <= body.count {
            let end = body[start...].firstIndex(of: separator) ?? body.count
            let record = Array(body[start..<end])
            if record.first == UInt8(ascii: "b") {
                guard let bytes = Base64.decode(record[1...]) else { throw .badBase64 }
                packets.append(.binary(bytes))
            } else {
                packets.append(try EngineIOPacket(text: record))
            }
            start = end + 1
        }
        return packets
    }

    /// Writes packets in their WebSocket form.
    public static func encode(_ packets: some Sequence<WebSocketMessage>) -> [UInt8] {
        var body: [UInt8] = []
        for (index, packet) in packets.enumerated() {
            if index > 0 { body.append(separator) }
            append(packet, to: &body)
        }
        return body
    }

    static func append(_ packet: WebSocketMessage, to body: inout [UInt8]) {
        switch packet {
        case .text(let bytes): body.append(contentsOf: bytes)
        case .binary(let bytes):
            body.append(UInt8(ascii: "b"))
            Base64.encode(bytes.span, into: &body)
        }
    }
}
