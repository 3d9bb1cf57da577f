public import Capture
public import Primitives
internal import Signaling

/// Whether a camera that was just opened has found its exposure: its first pictures are too dark or too bright.
struct ExposureSettling: Sendable {
    private var settledAt: Instant?

    static let time = Duration.milliseconds(500)

    init() { settledAt = nil }

    /// A picture came.
    mutating func isOver(now: Instant) -> Bool {
        let end = settledAt ?? now + ExposureSettling.time
        settledAt = end
        return end <= now
    }
}

/// Takes a snapshot without an agent: opens the camera itself, and closes it.
public enum SnapshotCamera {
    /// Waits for the camera's exposure; at most 3 s for each picture.
    ///
    /// - Parameter clock: the monotonic clock.
    /// - Throws: what is wrong with the camera.
    public static func take(
        _ request: CameraRequest, as format: Snapshot.Format, clock: () -> Instant
    ) throws(SnapshotFailure) -> Snapshot {
        let jpeg: [UInt8]?
        var frame = VideoFrame(width: request.width, height: request.height)
        do throws(CaptureError) {
            var camera = try Camera(opening: request)
            camera.keepsJPEG = format == .jpeg
            var settling = ExposureSettling()
            repeat {
                _ = try camera.nextFrame(into: &frame, timeout: .seconds(3), interruptedBy: nil)
            } while !settling.isOver(now: clock())
            jpeg = camera.jpeg
        } catch {
            throw SnapshotFailure(MediaTrouble(.video, error))
        }
        return try Snapshot(frame, jpeg: jpeg, as: format)
    }
}
