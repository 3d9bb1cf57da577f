import JSON

/// Reads Socket.IO packets out of Engine.IO messages and collects the attachments of each.
///
///     idle ──text without attachments──▶ packet
///     idle ──text with n attachments───▶ collecting ──n binaries──▶ packet
///     collecting ──text──▶ error        idle ──binary──▶ error
public struct SocketIODecoder: Sendable {
    private struct Incomplete: Sendable {
        var packet: SocketIOPacket
        /// The packet's text and where its JSON begins: a parsed value takes many times the room while it waits.
        var text: [UInt8]
        var payloadStart: Int
        var count: Int
        var attachments: [[UInt8]]
        var byteCount: Int
    }

    private let maximumAttachments: Int
    private let maximumDepth: Int
    private let maximumNodes: Int
    private let maximumBytes: Int
    private var incomplete: Incomplete?

    /// Bytes kept of a packet that is not whole.
    public var heldBytes: Int { incomplete?.byteCount ?? 0 }

    /// - Parameter maximumBytes: of one packet, its text and attachments together.
    public init(
        maximumAttachments: Int = 10, maximumDepth: Int = 64, maximumNodes: Int = .max, maximumBytes: Int = .max
    ) {
        self.maximumAttachments = maximumAttachments
        self.maximumDepth = maximumDepth
        self.maximumNodes = maximumNodes
        self.maximumBytes = maximumBytes
        self.incomplete = nil
    }

    /// Reads the text of an Engine.IO message; nil while attachments are missing.
    public mutating func decode(text: [UInt8]) throws(SocketIOPacket.DecodingError) -> SocketIOPacket? {
        guard incomplete == nil else { throw .missingAttachment }
        guard let type = text.first else { throw .empty }
        let (kind, binary): (SocketIOPacket.Kind, Bool)
        switch type {
        case UInt8(ascii: "0"): (kind, binary) = (.connect, false)
        case UInt8(ascii: "1"): (kind, binary) = (.disconnect, false)
        case UInt8(ascii: "2"): (kind, binary) = (.event, false)
        case UInt8(ascii: "3"): (kind, binary) = (.acknowledgement, false)
        case UInt8(ascii: "4"): (kind, binary) = (.connectError, false)
        case UInt8(ascii: "5"): (kind, binary) = (.event, true)
        case UInt8(ascii: "6"): (kind, binary) = (.acknowledgement, true)
        default: throw .unknownType(type)
        }
        var at = 1
        var count = 0
        if binary {
            guard let number = SocketIODecoder.readNumber(text, &at, maximumDigits: 3), at < text.count,
                text[at] == UInt8(ascii: "-"), number <= maximumAttachments
            else { throw .badAttachmentCount }
            count = number
            at += 1
        }
        var packet = SocketIOPacket(kind)
        if at < text.count, text[at] == UInt8(ascii: "/") {
            packet.namespace = try SocketIODecoder.readNamespace(text, &at)
        }
        if at < text.count, (0x30...0x39).contains(text[at]) {
            guard let id = SocketIODecoder.readNumber(text, &at, maximumDigits: 15) else { throw .badAcknowledgementID }
            packet.id = AcknowledgementID(rawValue: id)
        }
        guard count > 0 else {
            try readPayload(of: &packet, text, from: at)
            return packet
        }
        incomplete = Incomplete(
            packet: packet, text: text, payloadStart: at, count: count, attachments: [], byteCount: text.count)
        return nil
    }

    private func readPayload(
        of packet: inout SocketIOPacket, _ text: [UInt8], from start: Int
    ) throws(SocketIOPacket.DecodingError) {
        if start < text.count {
            do {
                packet.payload = try JSONValue(
                    parsing: text, from: start, maximumDepth: maximumDepth, maximumNodes: maximumNodes)
            } catch {
                throw .badJSON(error)
            }
        }
        try SocketIODecoder.check(packet)
    }

    /// Takes an attachment; the packet when it was the last one missing.
    public mutating func decode(attachment: [UInt8]) throws(SocketIOPacket.DecodingError) -> SocketIOPacket? {
        guard var collecting = incomplete else { throw .unexpectedAttachment }
        incomplete = nil
        collecting.byteCount += attachment.count
        guard collecting.byteCount <= maximumBytes else { throw .tooLarge(limit: maximumBytes) }
        collecting.attachments.append(attachment)
        guard collecting.attachments.count == collecting.count else {
            incomplete = collecting
            return nil
        }
        var packet = collecting.packet
        try readPayload(of: &packet, collecting.text, from: collecting.payloadStart)
        var attachments = collecting.attachments.map(Optional.some)
        if let payload = packet.payload {
            packet.payload = try SocketIODecoder.fill(payload, with: &attachments)
        }
        return packet
    }

    /// Decimal digits at `at`; nil without any or with too many.
    private static func readNumber(_ text: [UInt8], _ at: inout Int, maximumDigits: Int) -> Int? {
        var value = 0
        let start = at
        while at < text.count, (0x30...0x39).contains(text[at]) {
            guard at - start < maximumDigits else { return nil }
            value = value * 10 + Int(text[at] - 0x30)
            at += 1
        }
        return at > start ? value : nil
    }

    private static let maximumNamespaceLength = 256

    /// `/name` up to a comma, which is skipped, or to the end.
    private static func readNamespace(
        _ text: [UInt8], _ at: inout Int
    ) throws(SocketIOPacket.DecodingError) -> String {
        let start = at
        let limit = min(text.count, start + maximumNamespaceLength + 1)
        while at < limit, text[at] != UInt8(ascii: ",") { at += 1 }
        guard at - start <= maximumNamespaceLength, let name = String(validating: text[start..<at], as: UTF8.self)
        else {
            throw .badNamespace
        }
        if at < text.count { at += 1 }
        return name
    }

    /// The shapes that the protocol prescribes for each type's payload.
    private static func check(_ packet: SocketIOPacket) throws(SocketIOPacket.DecodingError) {
        switch packet.kind {
        case .connect:
            switch packet.payload {
            case nil, .object: break
            default: throw .badPayload
            }
        case .disconnect:
            guard packet.payload == nil else { throw .badPayload }
        case .connectError:
            switch packet.payload {
            case .string, .object: break
            default: throw .badPayload
            }
        case .event:
            guard case .array(let elements)? = packet.payload else { throw .badPayload }
            switch elements.first {
            case .number: break
            case .string(let name): guard !SocketIOPacket.isReserved(name) else { throw .reservedEvent }
            default: throw .badPayload
            }
        case .acknowledgement:
            guard case .array? = packet.payload, packet.id != nil else { throw .badPayload }
        }
    }

    // Each attachment fills one placeholder: one that filled many would multiply what a small packet costs.
    private static func fill(
        _ value: JSONValue, with attachments: inout [[UInt8]?]
    ) throws(SocketIOPacket.DecodingError) -> JSONValue {
        switch value {
        case .null, .bool, .number, .string, .binary: return value
        case .array(let elements):
            var filled: [JSONValue] = []
            filled.reserveCapacity(elements.count)
            for element in elements { filled.append(try fill(element, with: &attachments)) }
            return .array(filled)
        case .object(let object):
            if object["_placeholder"] == .bool(true) {
                guard case .number(let number)? = object["num"], let index = number.integer.flatMap(Int.init(exactly:)),
                    attachments.indices.contains(index), let attachment = attachments[index]
                else { throw .badPlaceholder }
                attachments[index] = nil
                return .binary(attachment)
            }
            var members: [JSONObject.Member] = []
            members.reserveCapacity(object.count)
            for member in object.members {
                members.append(.init(name: member.name, value: try fill(member.value, with: &attachments)))
            }
            return .object(JSONObject(members: members))
        }
    }
}
