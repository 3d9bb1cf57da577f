import Primitives

/// The fields of a DATA chunk (RFC 9260 section 3.3.1); its user data stay in the packet.
struct DataChunk: Sendable {
    var flags: DataFlags
    var tsn: TSN
    var stream: StreamID
    var sequence: StreamSequence
    var payloadProtocol: PayloadProtocol

    /// - Throws: `truncated`.
    init(_ value: Span<UInt8>, flags: UInt8) throws(SCTPError) {
        self.flags = DataFlags(rawValue: flags)
        do throws(ByteReaderError) {
            var reader = ByteReader(value)
            tsn = TSN(try reader.readUInt32())
            stream = StreamID(try reader.readUInt16())
            sequence = StreamSequence(try reader.readUInt16())
            payloadProtocol = PayloadProtocol(try reader.readUInt32())
        } catch { throw .truncated }
    }

    /// Bytes of these fields in the chunk's value.
    static let fieldSize = 12
}

/// A whole message of the peer.
public struct AssociationMessage: Hashable, Sendable {
    /// The peer's stream.
    public var stream: StreamID
    /// What it is, as the peer says.
    public var payloadProtocol: PayloadProtocol
    /// Whether it may have overtaken others of its stream.
    public var isUnordered: Bool
    /// At least one byte.
    public var bytes: [UInt8]

    /// Nothing is checked.
    public init(stream: StreamID, payloadProtocol: PayloadProtocol, isUnordered: Bool, bytes: [UInt8]) {
        self.stream = stream
        self.payloadProtocol = payloadProtocol
        self.isUnordered = isUnordered
        self.bytes = bytes
    }
}
