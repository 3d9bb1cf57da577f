import Codecs
import Primitives
import Reactor

/// From a picture to a frame in the hub: size, rate and bitrate as `QualityLadder` decides within what `EncoderControl`
/// allows, and keyframes as they are asked for.
struct EncodingStage: ~Copyable {
    enum Result {
        case encoded(EncodedPicture)
        case skipped(FrameDrop)
        /// The encoder failed, and begins anew with the next picture.
        case refused(String)
    }

    private let frames: FrameHub
    private let control: EncoderControl
    private let cameraSize: PictureSize
    private let cameraRate: Int
    private var ladder: QualityLadder
    private var encoder: VideoEncoder?
    /// The encoder's codec and settings; nil when there is none.
    private var applied: (codec: VideoCodec, settings: VideoEncoderSettings)?
    private var scaler: PictureScaler
    private var scaled: VideoFrame?
    private var encoded: EncodedFrame
    private var pacer: FramePacer
    /// The newest opening of the hub that a picture was encoded for.
    private var generation: UInt32?
    /// The newest one that found nobody else.
    private var beginning: UInt32?
    private var keyframeIsDue: Bool
    private var seenRequests: UInt32
    private var lastKeyframeAt: Instant?
    private var rate: RateMeter
    /// Of the picture before, since everything began anew.
    private var lastSize: PictureSize?

    /// The encoder is made at once, for the size and rate that are expected, so that the first picture need not wait.
    init(_ cameraSize: PictureSize, frameRate: Int, frames: FrameHub, control: EncoderControl) {
        self.frames = frames
        self.control = control
        self.cameraSize = cameraSize
        cameraRate = frameRate
        ladder = QualityLadder(
            EncodingStage.top(cameraSize, frameRate, control), preference: control.preference)
        scaler = PictureScaler()
        scaled = nil
        encoded = EncodedFrame(kind: .video, capacity: 64 * 1024)
        pacer = FramePacer()
        generation = nil
        beginning = nil
        keyframeIsDue = true
        seenRequests = frames.keyframeRequests
        lastKeyframeAt = nil
        rate = RateMeter()
        lastSize = nil
        encoder = nil
        applied = nil
        // A failure comes again, and is reported, with the first picture.
        try? prepareEncoder(ladder.current.size)
    }

    /// All that the camera, the configuration and the receiver allow.
    private static func top(_ size: PictureSize, _ rate: Int, _ control: EncoderControl) -> QualityLadder.Rung {
        let limit = control.maximumSize
        let allowed = PictureSize.fitting(
            size, into: PictureSize(width: max(16, limit.width), height: max(16, limit.height)))
        return QualityLadder.Rung(
            size: PictureSize.fitting(allowed, macroblocks: control.maximumMacroblocks),
            frameRate: min(max(1, control.frameRate), rate, max(1, control.maximumFrameRate)))
    }

    var quality: Quality {
        Quality(
            rung: ladder.current, limitation: ladder.limitation, processorLoad: ladder.processorLoad,
            target: targetBitrate)
    }

    /// Whether this opening has had no frame yet, and nobody had any before it.
    func isNew(_ generation: UInt32) -> Bool { generation != self.generation && generation == frames.beginning }

    /// - Parameter clock: read before and after, to learn what a picture costs.
    mutating func process(
        _ picture: borrowing VideoFrame, generation: UInt32, clock: () -> Instant
    ) -> Result {
        if generation != self.generation {
            self.generation = generation
            // One who joins others begins with a keyframe, and they go on.
            keyframeIsDue = true
        }
        if frames.beginning != beginning {
            beginning = frames.beginning
            pacer = FramePacer()
            rate = RateMeter()
            lastSize = nil
            ladder.begin()
        }
        let began = clock()
        ladder.reconfigure(EncodingStage.top(cameraSize, cameraRate, control), preference: control.preference)
        ladder.setTarget(targetBitrate, now: began)
        let rung = ladder.current
        guard pacer.admits(captureTime: picture.captureTime, framesPerSecond: rung.frameRate) else {
            return .skipped(.paced)
        }
        do throws(CodecError) {
            let result = try scaleAndEncode(picture, to: rung.size, generation: generation)
            let ended = clock()
            ladder.note(ended - began, now: ended)
            guard case .encoded(var encoded) = result else { return result }
            encoded.time = ended - began
            return .encoded(encoded)
        } catch {
            encoder = nil
            applied = nil
            keyframeIsDue = true
            return .refused(error.description)
        }
    }

    private mutating func scaleAndEncode(
        _ picture: borrowing VideoFrame, to size: PictureSize, generation: UInt32
    ) throws(CodecError) -> Result {
        try prepareEncoder(size)
        guard size.width != picture.width || size.height != picture.height else {
            return try encode(picture, generation: generation)
        }
        if scaled?.width != size.width || scaled?.height != size.height {
            scaled = VideoFrame(width: size.width, height: size.height)
        }
        // Taken out and put back: what is lent to the scaler cannot be lent to the encoder from within self.
        guard var target = scaled.take() else { return .skipped(.paced) }
        scaler.scale(picture, into: &target)
        let result: Swift.Result<Result, CodecError>
        do throws(CodecError) { result = .success(try encode(target, generation: generation)) } catch {
            result = .failure(error)
        }
        scaled = consume target
        return try result.get()
    }

    private mutating func encode(_ picture: borrowing VideoFrame, generation: UInt32) throws(CodecError) -> Result {
        let requests = frames.keyframeRequests
        if requests != seenRequests,
            lastKeyframeAt.map({ picture.captureTime - $0 >= KeyframeSpacing.least }) ?? true
        {
            keyframeIsDue = true
        }
        let outcome = try encoder!.encode(picture, forceKeyframe: keyframeIsDue, into: &encoded)
        guard case .encoded = outcome else { return .skipped(.rateControl) }
        let (bytes, isKeyframe) = (encoded.count, encoded.isKeyframe)
        if isKeyframe {
            keyframeIsDue = false
            seenRequests = requests
            lastKeyframeAt = picture.captureTime
        }
        switch frames.push(&encoded, generation: generation) {
        case .accepted, .replacedOlder: break
        case .keyframeNeeded: keyframeIsDue = true
        case .closed: return .skipped(.notWanted)
        }
        let size = PictureSize(width: picture.width, height: picture.height)
        let isResized = lastSize.map { $0 != size } ?? false
        lastSize = size
        return .encoded(
            EncodedPicture(
                bytes: bytes, isKeyframe: isKeyframe, size: size, isResized: isResized,
                framesPerSecond: rate.note(picture.captureTime), target: Int(targetBitrate.bitsPerSecond),
                quantizer: quantizer, time: .zero))
    }

    private var quantizer: Int {
        switch encoder {
        case .some(let encoder): encoder.quantizerIndex
        case .none: 0
        }
    }

    private var targetBitrate: Bitrate { control.videoBitrate }

    private func settings(_ size: PictureSize) -> VideoEncoderSettings {
        VideoEncoderSettings(
            width: size.width, height: size.height, frameRate: ladder.current.frameRate,
            bitrate: targetBitrate)
    }

    private mutating func prepareEncoder(_ size: PictureSize) throws(CodecError) {
        let (codec, wanted) = (control.codec, settings(size))
        guard let (current, settings) = applied, current == codec else {
            encoder = try VideoEncoder(codec, wanted)
            applied = (codec, wanted)
            return
        }
        let change = abs(wanted.bitrate.bitsPerSecond - settings.bitrate.bitsPerSecond)
        guard
            change * 50 > settings.bitrate.bitsPerSecond || wanted.width != settings.width
                || wanted.height != settings.height || wanted.frameRate != settings.frameRate
        else { return }
        try encoder!.update(wanted)
        applied = (codec, wanted)
    }
}

/// What became of a picture that was encoded.
struct EncodedPicture: Sendable, Hashable {
    var bytes: Int
    var isKeyframe: Bool
    var size: PictureSize
    /// It has another size than the one before it.
    var isResized: Bool
    /// Of the pictures that are encoded.
    var framesPerSecond: Double
    var target: Int
    /// 0 (best) … 127, as the frame's header has it.
    var quantizer: Int
    /// What scaling and encoding took.
    var time: Duration
}

/// What the picture is now, and why it is not more.
struct Quality: Sendable, Hashable {
    var rung: QualityLadder.Rung
    var limitation: QualityLimitation
    /// Time per picture in shares of the time until the next.
    var processorLoad: Double?
    var target: Bitrate
}

/// Why a frame that a device gave did not leave.
public enum FrameDrop: Int, CaseIterable, Sendable {
    /// Left out evenly, for the frame rate.
    case paced
    /// Left out by the encoder, for the bitrate.
    case rateControl
    /// A newer one was there when the thread came back: the processor is late.
    case overtaken
    /// Lost by the driver.
    case lostByDriver
    /// Damaged, or no picture at all.
    case undecodable
    /// The session ended meanwhile.
    case notWanted
    /// The encoder failed.
    case refused
}

/// Events per second over about the last second.
struct RateMeter: Sendable {
    private var windowStart: Instant?
    private var count: Int
    private var rate: Double

    init() {
        windowStart = nil
        count = 0
        rate = 0
    }

    /// One more, at `time`. The rate so far; nearly right from the second event on.
    mutating func note(_ time: Instant) -> Double {
        guard let start = windowStart else {
            windowStart = time
            return rate
        }
        count += 1
        let elapsed = (time - start).seconds
        guard elapsed > 0 else { return rate }
        if rate == 0 || elapsed >= 1 { rate = Double(count) / elapsed }
        if elapsed >= 1 {
            windowStart = time
            count = 0
        }
        return rate
    }
}
