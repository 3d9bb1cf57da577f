import Primitives

/// The first line of a YUV4MPEG2 file (the format of mjpegtools' `yuv4mpeg(5)`), for 8-bit 4:2:0.
public struct Y4MHeader: Hashable, Sendable {
    /// In pixels, 1 … 4,096.
    public var width: Int
    /// In pixels, 1 … 4,096.
    public var height: Int
    /// Of the file; it is played at this rate.
    public var frameRate: FrameRate
    /// Bytes of the line with its LF: where the first frame begins.
    public var length: Int

    /// No header we accept is longer.
    public static let maximumLength = 1024
    /// Each side, in pixels.
    public static let maximumSide = 4096

    /// Why a file cannot be played.
    public enum Failure: Error, Hashable, Sendable {
        case notY4M
        case unterminated
        /// A parameter that is missing, malformed or out of range, by its letter.
        case badParameter(Character)
        /// Another chroma format than 8-bit 4:2:0.
        case unsupportedChroma(String)

        var rule: String {
            switch self {
            case .notY4M: "y4m: does not begin with YUV4MPEG2"
            case .unterminated: "y4m: header without an end"
            case .badParameter(let letter): "y4m: parameter \(letter) missing or malformed"
            case .unsupportedChroma(let name): "y4m: chroma must be 8-bit 4:2:0 (\(name))"
            }
        }
    }

    /// Parses the header at the start of `bytes`.
    public init(parsing bytes: Span<UInt8>) throws(Failure) {
        guard let end = (0..<min(bytes.count, Y4MHeader.maximumLength)).first(where: { bytes[$0] == 0x0A }) else {
            throw bytes.count < 9 ? .notY4M : .unterminated
        }
        let line = bytes.extracting(0..<end).copied()
        let fields = line.split(separator: 0x20, omittingEmptySubsequences: true)
        guard let magic = fields.first, magic.elementsEqual("YUV4MPEG2".utf8) else { throw .notY4M }
        var (width, height): (Int?, Int?) = (nil, nil)
        var rate: FrameRate?
        for field in fields.dropFirst() {
            let value = String(decoding: field.dropFirst(), as: UTF8.self)
            switch field.first {
            case UInt8(ascii: "W"): width = Y4MHeader.side(value)
            case UInt8(ascii: "H"): height = Y4MHeader.side(value)
            case UInt8(ascii: "F"): rate = Y4MHeader.rate(value)
            case UInt8(ascii: "C"):
                guard ["420", "420jpeg", "420mpeg2", "420paldv"].contains(value) else {
                    throw .unsupportedChroma(String(value.prefix(32)))
                }
            default: break
            }
        }
        guard let width else { throw .badParameter("W") }
        guard let height else { throw .badParameter("H") }
        guard let rate else { throw .badParameter("F") }
        self.width = width
        self.height = height
        frameRate = rate
        length = end + 1
    }

    private static func side(_ text: String) -> Int? {
        guard let value = Int(text), (1...maximumSide).contains(value) else { return nil }
        return value
    }

    private static func rate(_ text: String) -> FrameRate? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let frames = Int32(parts[0]), let seconds = Int32(parts[1]), frames > 0, seconds > 0,
            // Below one frame in ten seconds and above 240 frames/s it is no moving picture.
            Int64(frames) * 10 >= Int64(seconds), Int64(frames) <= Int64(seconds) * 240
        else { return nil }
        return FrameRate(frames: frames, seconds: seconds)
    }

    /// Bytes of one picture without its FRAME line.
    public var frameSize: Int {
        let chroma = ((width + 1) / 2) * ((height + 1) / 2)
        return width * height + 2 * chroma
    }

    /// The length of the FRAME line at the start of `bytes`, LF included; nil when there is none.
    public static func frameLineLength(_ bytes: Span<UInt8>) -> Int? {
        let magic: [5 of UInt8] = [0x46, 0x52, 0x41, 0x4D, 0x45]
        guard bytes.count > 5, (0..<5).allSatisfy({ bytes[$0] == magic[$0] }) else { return nil }
        guard bytes[5] == 0x0A || bytes[5] == 0x20 else { return nil }
        return (5..<bytes.count).first { bytes[$0] == 0x0A }.map { $0 + 1 }
    }
}
