import Primitives

/// Where the sound lies in a RIFF WAVE file, for 16-bit PCM (Multimedia Programming Interface and Data
/// Specifications 1.0, and WAVE_FORMAT_EXTENSIBLE).
public struct WAVHeader: Hashable, Sendable {
    /// 1 … 8.
    public var channels: Int
    /// 8,000 … 192,000 per second.
    public var sampleRate: Int
    /// Where the samples begin, in bytes, and how many bytes of them the header promises.
    public var dataOffset: Int
    /// As promised; a file may be shorter.
    public var dataSize: Int

    /// Why a file cannot be played.
    public enum Failure: Error, Hashable, Sendable {
        case notWAV
        case truncated
        /// A data chunk before any fmt chunk.
        case formatMissing
        /// Not PCM, or not 16 bit.
        case unsupportedEncoding(tag: UInt16, bits: UInt16)
        case badChannelCount(UInt16)
        case badSampleRate(UInt32)
        case empty

        var rule: String {
            switch self {
            case .notWAV: "wav: not a RIFF WAVE file"
            case .truncated: "wav: header cut off"
            case .formatMissing: "wav: samples without a format"
            case .unsupportedEncoding(let tag, let bits): "wav: must be 16-bit PCM (format \(tag), \(bits) bit)"
            case .badChannelCount(let count): "wav: 1 to 8 channels (\(count))"
            case .badSampleRate(let rate): "wav: 8000 to 192000 samples/s (\(rate))"
            case .empty: "wav: no samples"
            }
        }
    }

    /// Bytes from the start in which the data chunk must begin.
    public static let maximumLength = 64 * 1024

    /// Parses the chunks at the start of `bytes` up to the data chunk.
    public init(parsing bytes: Span<UInt8>) throws(Failure) {
        do {
            self = try WAVHeader.parse(bytes)
        } catch {
            switch error {
            case .header(let failure): throw failure
            case .reader: throw .truncated
            }
        }
    }

    private enum Problem: Error {
        case header(Failure)
        case reader
    }

    private static func parse(_ bytes: Span<UInt8>) throws(Problem) -> WAVHeader {
        var reader = ByteReader(bytes)
        func tag(_ reader: inout ByteReader) throws(Problem) -> UInt32 {
            do { return try reader.readUInt32() } catch { throw .reader }
        }
        func little32(_ reader: inout ByteReader) throws(Problem) -> UInt32 {
            do { return try reader.readUInt32().byteSwapped } catch { throw .reader }
        }
        func little16(_ reader: inout ByteReader) throws(Problem) -> UInt16 {
            do { return try reader.readUInt16().byteSwapped } catch { throw .reader }
        }
        func skip(_ reader: inout ByteReader, _ count: Int) throws(Problem) {
            do { try reader.skip(count) } catch { throw .reader }
        }

        guard try tag(&reader) == 0x5249_4646 else { throw .header(.notWAV) }  // RIFF
        _ = try little32(&reader)
        guard try tag(&reader) == 0x5741_5645 else { throw .header(.notWAV) }  // WAVE
        var format: (channels: Int, sampleRate: Int)?
        while true {
            let name = try tag(&reader)
            let size = Int(try little32(&reader))
            switch name {
            case 0x666D_7420:  // "fmt "
                guard size >= 16 else { throw .reader }
                var encoding = try little16(&reader)
                let channels = try little16(&reader)
                let rate = try little32(&reader)
                try skip(&reader, 6)
                let bits = try little16(&reader)
                var rest = size - 16
                if encoding == 0xFFFE, rest >= 24 {
                    // The first two bytes of the sub-format's GUID are the encoding.
                    try skip(&reader, 8)
                    encoding = try little16(&reader)
                    rest -= 10
                }
                guard encoding == 1, bits == 16 else {
                    throw .header(.unsupportedEncoding(tag: encoding, bits: bits))
                }
                guard (1...8).contains(channels) else { throw .header(.badChannelCount(channels)) }
                guard (8_000...192_000).contains(rate) else { throw .header(.badSampleRate(rate)) }
                format = (Int(channels), Int(rate))
                try skip(&reader, rest + size % 2)
            case 0x6461_7461:  // data
                guard let format else { throw .header(.formatMissing) }
                guard size >= format.channels * 2 else { throw .header(.empty) }
                return WAVHeader(
                    channels: format.channels, sampleRate: format.sampleRate, dataOffset: reader.offset,
                    dataSize: size)
            default: try skip(&reader, size + size % 2)
            }
        }
    }

    private init(channels: Int, sampleRate: Int, dataOffset: Int, dataSize: Int) {
        self.channels = channels
        self.sampleRate = sampleRate
        self.dataOffset = dataOffset
        self.dataSize = dataSize
    }
}
