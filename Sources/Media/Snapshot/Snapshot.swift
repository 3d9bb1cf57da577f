internal import Capture
internal import Compression
public import Primitives

/// One picture of the camera as a file's contents.
public struct Snapshot: Hashable, Sendable {
    /// How it is encoded.
    public enum Format: String, Hashable, Sendable, CaseIterable {
        /// Without loss (ISO/IEC 15948).
        case png
        /// The camera's own where it makes one, else 4:2:0 at quality 90.
        case jpeg

        /// By a file's suffix `.png`, `.jpg` or `.jpeg`, in any case of letters; nil for another.
        public init?(suffixOf path: String) {
            let name = path.split(separator: "/").last ?? ""
            switch name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last?.lowercased() {
            case "png": self = .png
            case "jpg", "jpeg": self = .jpeg
            default: return nil
            }
        }
    }

    /// The whole file.
    public var bytes: [UInt8]
    /// What `bytes` are.
    public var format: Format
    /// In pixels: what the camera gives, whatever a session is sent.
    public var size: PictureSize
    /// When the picture was taken, on the monotonic clock.
    public var takenAt: Instant

    /// Takes the values as they are.
    public init(bytes: [UInt8], format: Format, size: PictureSize, takenAt: Instant) {
        self.bytes = bytes
        self.format = format
        self.size = size
        self.takenAt = takenAt
    }

    /// - Parameter jpeg: the camera's own of this frame, where it made one.
    init(
        _ frame: borrowing VideoFrame, jpeg: [UInt8]?, as format: Format
    ) throws(SnapshotFailure) {
        let size = PictureSize(width: frame.width, height: frame.height)
        let bytes: [UInt8]?
        switch format {
        case .png:
            bytes = PNG.encoded(rgb: StillPicture.rgb(frame), width: size.width, height: size.height)
        case .jpeg: bytes = jpeg ?? StillPicture.jpeg(frame)
        }
        guard let bytes else { throw .notEncoded }
        self.init(bytes: bytes, format: format, size: size, takenAt: frame.captureTime)
    }
}

/// A snapshot that is to be taken, by whoever answers with the same number.
public struct SnapshotRequest: Hashable, Sendable {
    /// Chosen by the one who asks.
    public var id: UInt64
    /// What is wanted.
    public var format: Snapshot.Format

    /// Takes the values as they are.
    public init(id: UInt64, format: Snapshot.Format) {
        self.id = id
        self.format = format
    }
}

/// Why there is no snapshot.
public struct SnapshotFailure: Error, Hashable, Sendable {
    /// A stable name of the cause.
    public enum Code: String, Hashable, Sendable {
        case cameraMissing = "camera-missing"
        case cameraBusy = "camera-busy"
        case cameraFailed = "camera-failed"
        case notPermitted = "not-permitted"
        case indicatorFailed = "indicator-failed"
        case snapshotBusy = "snapshot-busy"
        case notEncoded = "not-encoded"
        case timeout
        case stopping
    }

    /// For programs.
    public var code: Code
    /// What was seen, in one line of English without capital and full stop.
    public var message: String
    /// What can be done about it.
    public var remedy: String

    /// Takes the values as they are.
    public init(_ code: Code, _ message: String, remedy: String) {
        self.code = code
        self.message = message
        self.remedy = remedy
    }

    /// What is wrong with the camera.
    public init(_ trouble: MediaTrouble) {
        let code: Code =
            switch trouble.state {
            case "missing", "lost": .cameraMissing
            case "busy": .cameraBusy
            case "permission-denied": .notPermitted
            default: .cameraFailed
            }
        self.init(code, trouble.message, remedy: trouble.remedy ?? "run kiosk-agent doctor")
    }

    /// The sign that media leaves must be lit and is not, for this reason.
    public static func indicator(_ reason: String) -> SnapshotFailure {
        SnapshotFailure(
            .indicatorFailed, "the live indicator cannot be lit: \(reason)",
            remedy: "repair it, or set requireIndicator to false")
    }

    /// Another one is being taken.
    public static let busy = SnapshotFailure(
        .snapshotBusy, "another snapshot is being taken", remedy: "ask again in a moment")
    /// No picture came in time.
    public static let timeout = SnapshotFailure(
        .timeout, "no picture came in time", remedy: "run kiosk-agent doctor --only camera-picture")
    /// The agent ends.
    public static let stopping = SnapshotFailure(.stopping, "the agent is stopping", remedy: "ask again when it runs")
    /// There is no memory for it.
    public static let notEncoded = SnapshotFailure(
        .notEncoded, "the picture cannot be encoded",
        remedy: "see how much memory is left: kiosk-agent doctor --only memory")
}

extension SnapshotFailure: CustomStringConvertible {
    public var description: String { "\(message); \(remedy)" }
}
