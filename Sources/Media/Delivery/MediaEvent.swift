public import Primitives

/// What a media thread reports.
public enum MediaEvent: Sendable, Hashable {
    /// The device delivers, as this source, in these words: "/dev/video0 MJPEG 640x480 at 30".
    case running(MediaKind, source: String)
    /// The device cannot be used now; the thread keeps looking.
    case trouble(MediaKind, MediaTrouble)
    /// Something is wrong with the media that flows; nil when all is well again.
    case condition(MediaKind, MediaCondition?)
    /// The thread has closed the device.
    case stopped(MediaKind)
    /// The snapshot with this number was taken, or could not be.
    case snapshot(UInt64, Result<Snapshot, SnapshotFailure>)
}
