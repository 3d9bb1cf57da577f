import Primitives

/// A message of the Data Channel Establishment Protocol (RFC 8832 section 5).
enum EstablishmentMessage: Hashable, Sendable {
    case open(DataChannelParameters)
    case acknowledgement

    private static let acknowledgementType: UInt8 = 2
    private static let openType: UInt8 = 3
    /// Of the channel type: messages may overtake each other.
    private static let unorderedBit: UInt8 = 0x80
    /// Bytes before label and protocol.
    private static let openHeaderSize = 12
    /// Lengths have 16 bits.
    static let maximumTextSize = 65_535

    /// - Throws: `truncated`, `lengthInvalid`, `fieldInvalid`, `messageTypeUnknown`, `textInvalid`.
    init(_ bytes: Span<UInt8>) throws(SCTPError) {
        guard bytes.count > 0 else { throw .truncated }
        switch bytes[0] {
        case Self.acknowledgementType: self = .acknowledgement
        case Self.openType: self = .open(try Self.readOpen(bytes))
        default: throw .messageTypeUnknown(bytes[0])
        }
    }

    private static func readOpen(_ bytes: Span<UInt8>) throws(SCTPError) -> DataChannelParameters {
        let (type, priority, parameter): (UInt8, UInt16, UInt32)
        let (label, subprotocol): (String?, String?)
        do throws(ByteReaderError) {
            var reader = ByteReader(bytes)
            try reader.skip(1)
            (type, priority, parameter) =
                (try reader.readUInt8(), try reader.readUInt16(), try reader.readUInt32())
            let (labelSize, subprotocolSize) = (Int(try reader.readUInt16()), Int(try reader.readUInt16()))
            label = String(validating: try reader.readBytes(labelSize).copied(), as: UTF8.self)
            subprotocol = String(validating: try reader.readBytes(subprotocolSize).copied(), as: UTF8.self)
        } catch { throw .truncated }
        guard let label, let subprotocol else { throw .textInvalid }
        let reliability: Reliability
        switch type & ~unorderedBit {
        case 0: reliability = .reliable
        case 1: reliability = .maximumRetransmissions(UInt16(clamping: parameter))
        case 2: reliability = .maximumLifetime(.milliseconds(Int64(parameter)))
        default: throw .fieldInvalid
        }
        return DataChannelParameters(
            label: label, subprotocol: subprotocol, isOrdered: type & unorderedBit == 0, reliability: reliability,
            priority: priority)
    }

    var bytes: [UInt8] {
        switch self {
        case .acknowledgement: return [Self.acknowledgementType]
        case .open(let parameters):
            let (label, subprotocol) = (Array(parameters.label.utf8), Array(parameters.subprotocol.utf8))
            let (type, parameter): (UInt8, UInt32) =
                switch parameters.reliability {
                case .reliable: (0, 0)
                case .maximumRetransmissions(let count): (1, UInt32(count))
                case .maximumLifetime(let lifetime): (2, UInt32(clamping: lifetime.nanoseconds / 1_000_000))
                }
            return [UInt8].written(capacity: Self.openHeaderSize + label.count + subprotocol.count) { writer in
                writer.write(Self.openType)
                writer.write(type | (parameters.isOrdered ? 0 : Self.unorderedBit))
                writer.write(parameters.priority)
                writer.write(parameter)
                writer.write(UInt16(truncatingIfNeeded: label.count))
                writer.write(UInt16(truncatingIfNeeded: subprotocol.count))
                writer.write(label)
                writer.write(subprotocol)
            } ?? []
        }
    }
}
