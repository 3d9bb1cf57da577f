public import JSON
public import Primitives

/// A packet of Socket.IO v5: `<type>[<#attachments>-][<namespace>,][<ack id>][JSON]` ("Packet encoding").
///
/// Attachments stand in `payload` as `.binary`; whether there are any decides between EVENT and BINARY_EVENT on the wire.
public struct SocketIOPacket: Hashable, Sendable {
    /// The packet types without the binary ones, which follow from `payload`.
    public enum Kind: Hashable, Sendable {
        case connect, disconnect, event, acknowledgement, connectError
    }

    /// Which packet it is, apart from whether it has attachments.
    public var kind: Kind
    /// `/` as a rule.
    public var namespace: String
    /// Ties an acknowledgement to its event; nil on an event: none is wished.
    public var id: AcknowledgementID?
    /// An array for events and acknowledgements, an object for CONNECT; nil where there is none.
    public var payload: JSONValue?

    /// Nothing is checked.
    public init(_ kind: Kind, namespace: String = "/", id: AcknowledgementID? = nil, payload: JSONValue? = nil) {
        self.kind = kind
        self.namespace = namespace
        self.id = id
        self.payload = payload
    }

    /// Why a message is no packet; its transport is closed then.
    public enum DecodingError: Error, Equatable, Sendable {
        case empty
        case unknownType(UInt8)
        /// The number of attachments is missing, not a number, or above the limit.
        case badAttachmentCount
        case badNamespace
        case badAcknowledgementID
        case badJSON(JSONError)
        /// The payload's shape does not fit the type.
        case badPayload
        case reservedEvent
        /// A placeholder without a number, with one out of range, or with one that another has.
        case badPlaceholder
        /// An attachment that no packet waits for.
        case unexpectedAttachment
        /// A packet while another still waits for its attachments.
        case missingAttachment
        /// The text and its attachments together.
        case tooLarge(limit: Int)
    }

    /// Names that Socket.IO's own life cycle uses.
    static func isReserved(_ name: String) -> Bool {
        switch name {
        case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener": true
        default: false
        }
    }

    /// The Engine.IO message with this packet, and the attachments that follow it.
    public func encoded() -> [WebSocketMessage] {
        // The JSON decides the type, so it is written first when it may hold attachments; the usual packet has none.
        var text: [UInt8] = []
        text.reserveCapacity(128)
        text.append(UInt8(ascii: "4"))
        guard let payload, payload.containsBinary else {
            text.append(SocketIOPacket.typeDigit(kind, binary: false))
            appendAddress(to: &text)
            if let payload {
                var writer = JSONWriter(appendingTo: text, takingAttachments: false)
                text = []
                writer.write(payload)
                text = writer.bytes
            }
            return [.text(text)]
        }
        var json = JSONWriter(takingAttachments: true)
        json.write(payload)
        let attachments = json.attachments ?? []
        text.append(SocketIOPacket.typeDigit(kind, binary: true))
        text.append(contentsOf: String(attachments.count).utf8)
        text.append(UInt8(ascii: "-"))
        appendAddress(to: &text)
        text.append(contentsOf: json.bytes)
        return [.text(text)] + attachments.map(WebSocketMessage.binary)
    }

    private func appendAddress(to text: inout [UInt8]) {
        if namespace != "/" {
            text.append(contentsOf: namespace.utf8)
            text.append(UInt8(ascii: ","))
        }
        if let id { text.append(contentsOf: String(id.rawValue).utf8) }
    }

    private static func typeDigit(_ kind: Kind, binary: Bool) -> UInt8 {
        switch kind {
        case .connect: UInt8(ascii: "0")
        case .disconnect: UInt8(ascii: "1")
        case .event: binary ? UInt8(ascii: "5") : UInt8(ascii: "2")
        case .acknowledgement: binary ? UInt8(ascii: "6") : UInt8(ascii: "3")
        case .connectError: UInt8(ascii: "4")
        }
    }
}
