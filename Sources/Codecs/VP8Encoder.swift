import CVPX
public import Primitives

// VP8 for a call between two (RFC 6386; WebRTC's mandatory codec, RFC 7742), over libvpx.
//
// Constant bitrate with short buffers, because what the network cannot carry now is late, not stored. Keyframes only
// on demand: the receiver asks when it needs one, and an unasked one costs as much as five ordinary pictures. Error
// resilient, so that a decoder survives a lost picture until a retransmission or keyframe mends it. One thread, and a
// fixed speed, chosen by these figures (Benchmarks: 640x480, 30 pictures per second, 600 kbit/s, a textured picture
// that moves everywhere; libvpx 1.12, x86-64):
//
//     speed   CPU s/s   luma PSNR
//      -4      0.092     32.8 dB
//      -6      0.060     32.3 dB    the default
//      -8      0.047     31.4 dB
//     -10      0.041     30.9 dB
//     -12      0.040     29.5 dB
//     -16      0.038     29.2 dB
//
// Beyond -8 the picture pays for almost nothing; slower than -6 a third more work buys half a decibel.

/// What became of a picture.
public enum EncodeResult: Sendable, Equatable {
    /// The encoded frame holds it.
    case encoded
    /// The rate control left it out; the encoded frame is empty.
    case dropped
}

/// One VP8 stream's encoder. Steady state allocates nothing here.
public struct VP8Encoder: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only; libvpx has no thread of its own at one thread.
    private let context: UnsafeMutablePointer<vpx_codec_ctx_t>
    private var config: vpx_codec_enc_cfg_t
    private var image: vpx_image_t
    /// What the encoder works with now.
    public private(set) var settings: VP8EncoderSettings
    private var largestWidth: Int
    private var largestHeight: Int
    private var keyframeNeeded: Bool
    private var timestamp: Int64
    private var lastCapture: Instant?
    /// What it has made so far.
    public private(set) var measures: Measures

    /// Counts since the encoder was made.
    public struct Measures: Sendable, Equatable {
        /// Pictures that gave a frame.
        public var encoded: UInt64 = 0
        /// Pictures that the rate control left out.
        public var dropped: UInt64 = 0
        /// Among `encoded`.
        public var keyframes: UInt64 = 0
        /// Of all frames.
        public var bytes: UInt64 = 0
        /// The quantizer of the newest picture, 0 (best) … 63.
        public var quantizer = 0
        /// The same as its header has it (`y_ac_qi`, RFC 6386 section 9.6), 0 … 127.
        public var quantizerIndex = 0
    }

    /// - Throws: for settings out of range, and when libvpx has no memory.
    public init(_ settings: VP8EncoderSettings) throws(CodecError) {
        try settings.check()
        var config = vpx_codec_enc_cfg_t()
        let status = vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0)
        guard status == VPX_CODEC_OK else { throw VP8Encoder.error("vp8 encoder defaults", status, nil) }
        VP8Encoder.fill(&config, from: settings)
        let context = UnsafeMutablePointer<vpx_codec_ctx_t>.allocate(capacity: 1)
        do throws(CodecError) { try VP8Encoder.open(context, config: config, settings: settings) } catch {
            context.deallocate()
            throw error
        }
        self.context = context
        self.config = config
        self.settings = settings
        image = vpx_image_t()
        largestWidth = settings.width
        largestHeight = settings.height
        keyframeNeeded = true
        timestamp = 0
        lastCapture = nil
        measures = Measures()
    }

    deinit {
        vpx_codec_destroy(context)
        context.deallocate()
    }

    /// Encodes `picture`, whose size must be the settings'.
    ///
    /// - Parameter forceKeyframe: for a receiver that asked for one. The first picture, and the first of a new size,
    ///   is one anyway. A keyframe is never dropped.
    /// - Parameter frame: gets the bytes, size and capture time; its memory is reused.
    public mutating func encode(
        _ picture: borrowing VideoFrame, forceKeyframe: Bool = false, into frame: inout EncodedFrame
    ) throws(CodecError) -> EncodeResult {
        precondition(
            picture.width == settings.width && picture.height == settings.height,
            "vp8 encoder: the picture has another size than the settings; scale it or change them")
        let keyframe = forceKeyframe || keyframeNeeded
        let flags = keyframe ? cvpx_force_keyframe : 0
        let duration = advanceTime(to: picture.captureTime)
        let status = picture.withUnsafePlanes { y, u, v in
            setImage(y: y, u: u, v: v, stride: Int32(picture.stride), chromaStride: Int32(picture.chromaStride))
            return vpx_codec_encode(
                context, &image, timestamp, UInt(duration), flags, cvpx_deadline_realtime)
        }
        guard status == VPX_CODEC_OK else { throw VP8Encoder.error("vp8 encode", status, context) }
        frame.kind = .video
        frame.codec = .vp8
        frame.captureTime = picture.captureTime
        frame.duration = .nanoseconds(duration * 1_000_000_000 / VP8Encoder.clockRate)
        frame.width = picture.width
        frame.height = picture.height
        return takePacket(into: &frame)
    }

    /// Changes what the encoder works towards; a new size takes effect with a keyframe.
    public mutating func update(_ new: VP8EncoderSettings) throws(CodecError) {
        guard new != settings else { return }
        try new.check()
        let sizeChanged = new.width != settings.width || new.height != settings.height
        VP8Encoder.fill(&config, from: new)
        // libvpx cannot grow beyond the size it began with.
        if new.width > largestWidth || new.height > largestHeight {
            vpx_codec_destroy(context)
            // A context that failed to open is one that libvpx refuses to use, and may be destroyed again.
            try VP8Encoder.open(context, config: config, settings: new)
            largestWidth = new.width
            largestHeight = new.height
            keyframeNeeded = true
        } else {
            let status = vpx_codec_enc_config_set(context, &config)
            guard status == VPX_CODEC_OK else {
                let error = VP8Encoder.error("vp8 encoder update", status, context)
                VP8Encoder.fill(&config, from: settings)
                throw error
            }
            if new.speed != settings.speed || new.maximumIntraPercent != settings.maximumIntraPercent {
                try VP8Encoder.control(context, settings: new)
            }
            if sizeChanged { keyframeNeeded = true }
        }
        settings = new
    }

    // MARK: Pictures

    static let clockRate: Int64 = 90_000

    /// Moves the encoder's clock to a picture's capture time and returns how long the picture lasts, in its ticks.
    /// A pause counts as one second at most, so that the rate control does not save up for a burst.
    private mutating func advanceTime(to captureTime: Instant) -> Int64 {
        let nominal = VP8Encoder.clockRate / Int64(settings.frameRate)
        if let lastCapture {
            let elapsed = (captureTime - lastCapture).nanoseconds
            let ticks = elapsed > 0 ? min(elapsed, 1_000_000_000) * VP8Encoder.clockRate / 1_000_000_000 : nominal
            timestamp += max(ticks, 1)
        }
        lastCapture = captureTime
        return nominal
    }

    private mutating func setImage(
        y: UnsafePointer<UInt8>, u: UnsafePointer<UInt8>, v: UnsafePointer<UInt8>, stride: Int32, chromaStride: Int32
    ) {
        image.fmt = VPX_IMG_FMT_I420
        image.bit_depth = 8
        image.bps = 12
        image.w = UInt32(settings.width)
        image.h = UInt32(settings.height)
        image.d_w = image.w
        image.d_h = image.h
        image.x_chroma_shift = 1
        image.y_chroma_shift = 1
        image.planes.0 = UnsafeMutablePointer(mutating: y)
        image.planes.1 = UnsafeMutablePointer(mutating: u)
        image.planes.2 = UnsafeMutablePointer(mutating: v)
        image.stride.0 = stride
        image.stride.1 = chromaStride
        image.stride.2 = chromaStride
    }

    private mutating func takePacket(into frame: inout EncodedFrame) -> EncodeResult {
        var iterator: vpx_codec_iter_t?
        while let packet = vpx_codec_get_cx_data(context, &iterator) {
            var size = 0
            var flags: UInt32 = 0
            guard let bytes = cvpx_packet_frame(packet, &size, &flags), size > 0 else { continue }
            frame.withUnsafeMutableMemory(resizedTo: size) {
                UnsafeMutableRawPointer($0).copyMemory(from: bytes, byteCount: size)
            }
            frame.isKeyframe = flags & cvpx_frame_is_key != 0
            if frame.isKeyframe {
                keyframeNeeded = false
                measures.keyframes += 1
            }
            measures.encoded += 1
            measures.bytes += UInt64(size)
            measures.quantizer = Int(cvpx_last_quantizer(context))
            measures.quantizerIndex = Int(cvpx_last_quantizer_index(context))
            return .encoded
        }
        frame.withUnsafeMutableMemory(resizedTo: 0) { _ in }
        frame.isKeyframe = false
        measures.dropped += 1
        return .dropped
    }

    // MARK: libvpx

    private static func open(
        _ context: UnsafeMutablePointer<vpx_codec_ctx_t>, config: vpx_codec_enc_cfg_t, settings: VP8EncoderSettings
    ) throws(CodecError) {
        context.initialize(to: vpx_codec_ctx_t())
        var config = config
        let status = cvpx_vp8_encoder_init(context, &config)
        guard status == VPX_CODEC_OK else {
            let error = error("vp8 encoder", status, context)
            vpx_codec_destroy(context)
            throw error
        }
        do throws(CodecError) { try control(context, settings: settings) } catch {
            vpx_codec_destroy(context)
            throw error
        }
    }

    private static func control(
        _ context: UnsafeMutablePointer<vpx_codec_ctx_t>, settings: VP8EncoderSettings
    ) throws(CodecError) {
        for status in [
            cvpx_set_cpu_used(context, Int32(settings.speed)),
            cvpx_set_noise_sensitivity(context, 0),
            // A block that did not change is skipped early: most of a kiosk's picture.
            cvpx_set_static_threshold(context, 1),
            cvpx_set_token_partitions(context, 0),
            cvpx_set_max_intra_bitrate(context, UInt32(settings.maximumIntraPercent)),
        ] where status != VPX_CODEC_OK { throw error("vp8 encoder setting", status, context) }
    }

    private static func fill(_ config: inout vpx_codec_enc_cfg_t, from settings: VP8EncoderSettings) {
        config.g_w = UInt32(settings.width)
        config.g_h = UInt32(settings.height)
        config.g_timebase = vpx_rational(num: 1, den: Int32(clockRate))
        config.g_threads = 1
        config.g_pass = VPX_RC_ONE_PASS
        config.g_lag_in_frames = 0
        config.g_error_resilient = cvpx_error_resilient_default
        config.kf_mode = VPX_KF_DISABLED
        config.rc_end_usage = VPX_CBR
        config.rc_target_bitrate = UInt32(settings.bitrate.bitsPerSecond / 1000)
        config.rc_min_quantizer = UInt32(settings.minimumQuantizer)
        config.rc_max_quantizer = UInt32(settings.maximumQuantizer)
        config.rc_dropframe_thresh = UInt32(settings.dropFrameThreshold)
        config.rc_resize_allowed = 0
        config.rc_undershoot_pct = 100
        config.rc_overshoot_pct = 15
        config.rc_buf_initial_sz = 500
        config.rc_buf_optimal_sz = 600
        config.rc_buf_sz = 1000
        // One layer: see docs/performance.md.
        config.ts_number_layers = 1
    }

    private static func error(
        _ operation: String, _ status: vpx_codec_err_t, _ context: UnsafeMutablePointer<vpx_codec_ctx_t>?
    ) -> CodecError {
        CodecError(vpx: operation, status, context)
    }
}

extension CodecError {
    init(vpx operation: String, _ status: vpx_codec_err_t, _ context: UnsafeMutablePointer<vpx_codec_ctx_t>?) {
        let reason = vpx_codec_err_to_string(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        let detail = context.flatMap { vpx_codec_error_detail($0) }.map { " (\(String(cString: $0)))" } ?? ""
        self.init(operation: operation, reason: reason + detail)
    }
}
