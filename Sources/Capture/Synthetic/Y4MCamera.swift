import Primitives
import Reactor

/// A Y4M file as a camera: its own size and rate, from the beginning again when it ends.
struct Y4MCamera: ~Copyable {
    let format: CameraFormat
    let identity: CameraDescription
    private let file: MediaFile
    private let header: Y4MHeader
    private var pace: Pace
    private var offset: Int
    private var picture: [UInt8]

    init(opening path: String) throws(CaptureError) {
        let file = try MediaFile(opening: path)
        let header: Y4MHeader
        do {
            header = try Y4MHeader(parsing: file.bytes(at: 0, count: Y4MHeader.maximumLength).span)
        } catch {
            throw .badFile(path: path, rule: error.rule)
        }
        var picture = [UInt8](repeating: 0, count: header.frameSize)
        guard Y4MCamera.readPicture(file, at: header.length, into: &picture) != nil else {
            throw .badFile(path: path, rule: "y4m: no whole frame")
        }
        self.header = header
        format = CameraFormat(
            width: header.width, height: header.height, frameRate: header.frameRate, pixelFormat: .i420)
        identity = CameraDescription(path: path, name: path, driver: "none", bus: "none")
        pace = Pace(every: header.frameRate.interval)
        offset = header.length
        self.picture = picture
        self.file = file
    }

    mutating func nextFrame(
        into frame: inout VideoFrame, interruptedBy wake: WakeFD?,
        counting events: inout Counter<CameraEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let (due, missed) = pace.advance(now: MonotonicClock.now())
        events.add(.passedOver, UInt64(missed))
        if Poll.sleep(until: due, interruptedBy: wake) == .interrupted { return .success(.interrupted) }
        if !readPicture() {
            offset = header.length
            guard readPicture() else { return .failure(.lost(device: file.path)) }
        }
        picture.withUnsafeBufferPointer { PixelConversion.copyI420($0, width: header.width, into: &frame) }
        frame.captureTime = due
        return .success(.captured)
    }

    /// Reads the frame at `offset` and steps behind it; false when no whole frame is there.
    private mutating func readPicture() -> Bool {
        guard let size = Y4MCamera.readPicture(file, at: offset, into: &picture) else { return false }
        offset += size
        return true
    }

    /// - Returns: the bytes of the frame with its line; nil when no whole frame is there.
    private static func readPicture(
        _ file: borrowing MediaFile, at offset: Int, into picture: inout [UInt8]
    ) -> Int? {
        let line = file.bytes(at: offset, count: 256)
        guard let length = Y4MHeader.frameLineLength(line.span) else { return nil }
        let size = picture.withUnsafeMutableBytes { file.read(at: offset + length, into: $0) }
        return size == picture.count ? length + size : nil
    }
}
