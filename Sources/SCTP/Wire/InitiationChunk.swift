import Primitives

/// Extensions that both sides must have announced to be used.
struct Extensions: OptionSet, Sendable, Hashable {
    let rawValue: UInt8
    /// FORWARD TSN (RFC 3758).
    static let partialReliability = Extensions(rawValue: 1)
    /// RE-CONFIG (RFC 6525).
    static let reconfiguration = Extensions(rawValue: 2)
    /// A packet may come with checksum zero, DTLS having checked it already (RFC 9653).
    static let zeroChecksum = Extensions(rawValue: 4)
}

/// Parameters of INIT and INIT ACK that are known here.
enum ParameterType {
    static let stateCookie: UInt16 = 7
    static let unrecognizedParameter: UInt16 = 8
    static let ipv4Address: UInt16 = 5
    static let ipv6Address: UInt16 = 6
    static let cookiePreservative: UInt16 = 9
    static let hostName: UInt16 = 11
    static let supportedAddressTypes: UInt16 = 12
    static let ecnCapable: UInt16 = 0x8000
    static let zeroChecksumAcceptable: UInt16 = 0x8001
    static let supportedExtensions: UInt16 = 0x8008
    static let forwardTSNSupported: UInt16 = 0xC000
    /// Error detection by DTLS in the parameter of RFC 9653 section 4.
    static let detectionByDTLS: UInt32 = 1
}

/// What INIT and INIT ACK say (RFC 9260 sections 3.3.2 and 3.3.3).
struct InitiationChunk: Sendable, Hashable {
    /// What the sender wants to see as verification tag.
    var tag: UInt32
    var window: UInt32
    var outgoingStreams: UInt16
    var incomingStreams: UInt16
    var initialTSN: TSN
    var extensions: Extensions

    /// Bytes of the fields before the parameters.
    static let fixedSize = 16
    /// So much of unknown parameters is told to the sender.
    private static let reportLimit = 256

    init(
        tag: UInt32, window: UInt32, outgoingStreams: UInt16, incomingStreams: UInt16, initialTSN: TSN,
        extensions: Extensions
    ) {
        self.tag = tag
        self.window = window
        self.outgoingStreams = outgoingStreams
        self.incomingStreams = incomingStreams
        self.initialTSN = initialTSN
        self.extensions = extensions
    }

    /// Reads a chunk's value. Parameters that are to be reported are appended to `report` as they stand; `cookie` becomes where
    /// the state cookie lies.
    /// - Throws: `truncated`, or `lengthInvalid` of a parameter.
    init(_ value: Span<UInt8>, report: inout [UInt8], cookie: inout Range<Int>?) throws(SCTPError) {
        do throws(ByteReaderError) {
            var reader = ByteReader(value)
            tag = try reader.readUInt32()
            window = try reader.readUInt32()
            outgoingStreams = try reader.readUInt16()
            incomingStreams = try reader.readUInt16()
            initialTSN = TSN(try reader.readUInt32())
        } catch { throw .truncated }
        extensions = []
        var offset = Self.fixedSize
        while let parameter = try TLV.nextParameter(in: value, at: &offset) {
            switch parameter.type {
            case ParameterType.stateCookie: cookie = parameter.value
            case ParameterType.forwardTSNSupported: extensions.insert(.partialReliability)
            case ParameterType.supportedExtensions:
                for index in parameter.value {
                    if value[index] == ChunkType.forwardTSN.rawValue { extensions.insert(.partialReliability) }
                    if value[index] == ChunkType.reconfiguration.rawValue { extensions.insert(.reconfiguration) }
                }
            case ParameterType.zeroChecksumAcceptable:
                var reader = ByteReader(value.extracting(parameter.value))
                if (try? reader.readUInt32()) == ParameterType.detectionByDTLS { extensions.insert(.zeroChecksum) }
            case ParameterType.ipv4Address, ParameterType.ipv6Address, ParameterType.cookiePreservative,
                ParameterType.hostName, ParameterType.supportedAddressTypes, ParameterType.ecnCapable,
                ParameterType.unrecognizedParameter:
                // One path, which DTLS has: addresses say nothing here (RFC 8261 section 6).
                break
            default:
                let unknown = UnknownType(parameter: parameter.type)
                if unknown.isReported, report.count + parameter.whole.count <= Self.reportLimit {
                    report.append(value.extracting(parameter.whole))
                    while report.count % 4 != 0 { report.append(0) }
                }
                guard !unknown.stops else { return }
            }
        }
    }

    /// The whole chunk; `cookie` and `report` only in INIT ACK.
    func write(as type: ChunkType, cookie: [UInt8] = [], report: [UInt8] = [], into writer: inout ByteWriter) {
        writer.writeChunk(type) { writer in
            writer.write(tag)
            writer.write(window)
            writer.write(outgoingStreams)
            writer.write(incomingStreams)
            writer.write(initialTSN.rawValue)
            if !cookie.isEmpty { writer.writeParameter(ParameterType.stateCookie) { $0.write(cookie) } }
            var supported: [UInt8] = []
            if extensions.contains(.partialReliability) {
                writer.writeParameter(ParameterType.forwardTSNSupported) { _ in }
                supported.append(ChunkType.forwardTSN.rawValue)
            }
            if extensions.contains(.reconfiguration) { supported.append(ChunkType.reconfiguration.rawValue) }
            if !supported.isEmpty {
                let isLast = !extensions.contains(.zeroChecksum) && report.isEmpty
                writer.writeParameter(ParameterType.supportedExtensions, isLast: isLast) { $0.write(supported) }
            }
            if extensions.contains(.zeroChecksum) {
                writer.writeParameter(ParameterType.zeroChecksumAcceptable) {
                    $0.write(ParameterType.detectionByDTLS)
                }
            }
            var offset = 0
            while let parameter = try? TLV.nextParameter(in: report.span, at: &offset) {
                writer.writeParameter(ParameterType.unrecognizedParameter, isLast: offset == report.count) {
                    $0.write(report.span.extracting(parameter.whole))
                }
            }
        }
    }
}
