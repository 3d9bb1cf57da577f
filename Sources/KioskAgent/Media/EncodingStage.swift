import Codecs
import Primitives
import Reactor

/// From a picture to a frame in the ring: rate, size, bitrate and keyframes as `EncoderControl` wants them.
struct EncodingStage: ~Copyable {
    enum Result {
        case encoded(bytes: Int, isKeyframe: Bool, width: Int, height: Int, framesPerSecond: Double, target: Int)
        /// Left out for the rate, or by the encoder for the bitrate, or nobody wants it any more.
        case skipped
        /// The encoder failed, and begins anew with the next picture.
        case refused(String)
    }

    private let ring: FrameRing
    private let control: EncoderControl
    private let cameraRate: Int
    private var encoder: VP8Encoder?
    /// The encoder's settings; nil when there is none.
    private var applied: VP8EncoderSettings?
    private var scaler: PictureScaler
    private var scaled: VideoFrame?
    private var encoded: EncodedFrame
    private var pacer: FramePacer
    private var generation: UInt32?
    private var keyframeIsDue: Bool
    private var seenRequests: UInt32
    private var lastKeyframeAt: Instant?
    private var rate: RateMeter

    /// Requests from a receiver in trouble come in bursts; more keyframes than this help nobody.
    private static let keyframeSpacing = Duration.milliseconds(250)

    /// The encoder is made at once, for the size and rate that are expected, so that the first picture need not wait.
    init(_ cameraSize: PictureSize, frameRate: Int, ring: FrameRing, control: EncoderControl) {
        self.ring = ring
        self.control = control
        cameraRate = frameRate
        scaler = PictureScaler()
        scaled = nil
        encoded = EncodedFrame(kind: .video, capacity: 64 * 1024)
        pacer = FramePacer()
        generation = nil
        keyframeIsDue = true
        seenRequests = control.keyframeRequests
        lastKeyframeAt = nil
        rate = RateMeter()
        encoder = nil
        applied = nil
        // A failure comes again, and is reported, with the first picture.
        try? prepareEncoder(PictureSize.fitting(cameraSize, into: limit))
    }

    /// Whether this opening of the ring has had no frame yet.
    func isNew(_ generation: UInt32) -> Bool { generation != self.generation }

    mutating func process(_ picture: borrowing VideoFrame, generation: UInt32) -> Result {
        if generation != self.generation {
            self.generation = generation
            keyframeIsDue = true
            pacer = FramePacer()
            rate = RateMeter()
        }
        guard pacer.admits(captureTime: picture.captureTime, framesPerSecond: wantedRate) else { return .skipped }
        let size = PictureSize.fitting(PictureSize(width: picture.width, height: picture.height), into: limit)
        do throws(CodecError) {
            try prepareEncoder(size)
            guard size.width != picture.width || size.height != picture.height else {
                return try encode(picture, generation: generation)
            }
            if scaled?.width != size.width || scaled?.height != size.height {
                scaled = VideoFrame(width: size.width, height: size.height)
            }
            // Taken out and put back: what is lent to the scaler cannot be lent to the encoder from within self.
            guard var target = scaled.take() else { return .skipped }
            scaler.scale(picture, into: &target)
            let result = try encode(target, generation: generation)
            scaled = consume target
            return result
        } catch {
            encoder = nil
            applied = nil
            keyframeIsDue = true
            return .refused(error.description)
        }
    }

    private mutating func encode(_ picture: borrowing VideoFrame, generation: UInt32) throws(CodecError) -> Result {
        let requests = control.keyframeRequests
        if requests != seenRequests,
            lastKeyframeAt.map({ picture.captureTime - $0 >= EncodingStage.keyframeSpacing }) ?? true
        {
            keyframeIsDue = true
        }
        let outcome = try encoder!.encode(picture, forceKeyframe: keyframeIsDue, into: &encoded)
        guard case .encoded = outcome else { return .skipped }
        let (bytes, isKeyframe) = (encoded.count, encoded.isKeyframe)
        if isKeyframe {
            keyframeIsDue = false
            seenRequests = requests
            lastKeyframeAt = picture.captureTime
        }
        switch ring.push(&encoded, generation: generation) {
        case .accepted, .replacedOlder: break
        case .keyframeNeeded: keyframeIsDue = true
        case .closed: return .skipped
        }
        return .encoded(
            bytes: bytes, isKeyframe: isKeyframe, width: picture.width, height: picture.height,
            framesPerSecond: rate.note(picture.captureTime), target: Int(targetBitrate.bitsPerSecond))
    }

    private var limit: PictureSize {
        let size = control.maximumSize
        return PictureSize(width: max(16, size.width), height: max(16, size.height))
    }

    private var targetBitrate: Bitrate { min(control.videoBitrate, control.videoBitrateLimit) }

    private var wantedRate: Int { min(max(1, control.frameRate), cameraRate) }

    private func settings(_ size: PictureSize) -> VP8EncoderSettings {
        VP8EncoderSettings(
            width: size.width, height: size.height, frameRate: wantedRate,
            bitrate: min(max(targetBitrate, .kilobits(10)), .kilobits(20_000)))
    }

    private mutating func prepareEncoder(_ size: PictureSize) throws(CodecError) {
        let wanted = settings(size)
        guard let current = applied else {
            encoder = try VP8Encoder(wanted)
            applied = wanted
            return
        }
        let change = abs(wanted.bitrate.bitsPerSecond - current.bitrate.bitsPerSecond)
        guard
            change * 50 > current.bitrate.bitsPerSecond || wanted.width != current.width
                || wanted.height != current.height || wanted.frameRate != current.frameRate
        else { return }
        try encoder!.update(wanted)
        applied = wanted
    }
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
