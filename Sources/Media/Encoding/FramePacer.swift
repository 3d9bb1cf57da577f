import Primitives

/// Brings a camera's pictures down to the wanted rate by leaving some out, evenly.
struct FramePacer: Sendable {
    private var due: Instant?

    init() { due = nil }

    /// Whether the picture taken at `captureTime` is one to keep at `framesPerSecond`.
    mutating func admits(captureTime: Instant, framesPerSecond: Int) -> Bool {
        let interval = Duration.nanoseconds(1_000_000_000 / Int64(max(1, framesPerSecond)))
        guard let planned = due else {
            due = captureTime + interval
            return true
        }
        // Cameras jitter: a quarter of an interval early is on time.
        guard captureTime >= planned - interval / 4 else { return false }
        // Without catching up after a pause, and without drift while on time.
        due = captureTime - planned > interval ? captureTime + interval : planned + interval
        return true
    }
}

/// The size of a picture.
public struct PictureSize: Hashable, Sendable {
    /// In pixels.
    public var width: Int
    /// In pixels.
    public var height: Int

    /// Nothing is checked.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// `source` scaled down to fit into `limit` with its shape kept, in even numbers; never up, never below 16.
    static func fitting(_ source: PictureSize, into limit: PictureSize) -> PictureSize {
        guard source.width > limit.width || source.height > limit.height else { return source }
        let factor = min(Double(limit.width) / Double(source.width), Double(limit.height) / Double(source.height))
        func scaled(_ length: Int) -> Int { max(16, Int((Double(length) * factor).rounded()) & ~1) }
        return PictureSize(width: scaled(source.width), height: scaled(source.height))
    }

    /// `source` scaled down to what a decoder with this `max-fs` takes (RFC 7741 section 6.1): so many macroblocks of
    /// 16 by 16 pixels, and neither side of "int(sqrt(max-fs * 8))" of them or more.
    static func fitting(_ source: PictureSize, macroblocks limit: Int) -> PictureSize {
        let limit = min(max(1, limit), 1 << 24)
        let side = Int(Double(limit * 8).squareRoot())
        func isWithin(_ size: PictureSize) -> Bool {
            let (columns, rows) = ((size.width + 15) / 16, (size.height + 15) / 16)
            return columns * rows <= limit && columns < max(2, side) && rows < max(2, side)
        }
        guard !isWithin(source) else { return source }
        // Whole macroblocks are counted: the factor by area is the first try, and a little less the next.
        let area = Double(limit * 256) / Double(source.width * source.height)
        var factor = min(1, area.squareRoot())
        while true {
            let size = fitting(
                source,
                into: PictureSize(
                    width: max(16, Int(Double(source.width) * factor)),
                    height: max(16, Int(Double(source.height) * factor))))
            if isWithin(size) || (size.width <= 16 && size.height <= 16) { return size }
            factor *= 0.98
        }
    }
}
