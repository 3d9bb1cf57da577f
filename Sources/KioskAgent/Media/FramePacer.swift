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

/// A picture size that fits into a larger one.
struct PictureSize: Hashable, Sendable {
    var width: Int
    var height: Int

    /// `source` scaled down to fit into `limit` with its shape kept, in even numbers; never up, never below 16.
    static func fitting(_ source: PictureSize, into limit: PictureSize) -> PictureSize {
        guard source.width > limit.width || source.height > limit.height else { return source }
        let factor = min(Double(limit.width) / Double(source.width), Double(limit.height) / Double(source.height))
        func scaled(_ length: Int) -> Int { max(16, Int((Double(length) * factor).rounded()) & ~1) }
        return PictureSize(width: scaled(source.width), height: scaled(source.height))
    }
}
