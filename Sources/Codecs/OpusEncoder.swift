import COpus
public import Primitives

/// Opus for speech (RFC 6716; RFC 7587 for WebRTC): 48 kHz, mono, packets of 20 ms, or of less for a peer that wants that.
public struct OpusEncoder: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only.
    private let handle: OpaquePointer
    /// What the encoder works with now.
    public private(set) var settings: Settings

    /// Samples per second and per packet.
    public static let sampleRate = 48_000
    /// Of a 20 ms packet.
    public static let samplesPerPacket = 960
    /// Of a packet with `samplesPerPacket` samples.
    public static let packetDuration = Duration.milliseconds(20)
    /// Samples of the packets that can be made: 20, 10, 5 and 2.5 ms.
    public static let packetSizes = [960, 480, 240, 120]
    /// No packet is longer: libopus' recommendation is 4,000 bytes, a 20 ms mono frame's own limit 1,275.
    public static let maximumPacket = 1275

    /// What the encoder takes; more and less is refused.
    public static let bitrates: ClosedRange<Bitrate> = .kilobits(6)...(.kilobits(510))

    /// What can change between two packets.
    public struct Settings: Sendable, Equatable {
        /// `OpusEncoder.bitrates`.
        public var bitrate: Bitrate
        /// 0 … 10; 5 is half the work of 10 at little loss for speech.
        public var complexity: Int
        /// Adds a coarse copy of the previous packet, as far as `expectedLossPercent` makes it worth it.
        public var forwardErrorCorrection: Bool
        /// From the receiver's reports, 0 … 100.
        public var expectedLossPercent: Int
        /// Leaves packets out in silence. Off by default: a silent room and a dead microphone must look different.
        public var discontinuousTransmission: Bool
        /// Hertz that the peer plays at most, 8,000 … 48,000: nothing above half of it is encoded (RFC 7587 section 3.1.1).
        public var maximumPlaybackRate: Int

        /// Nothing is checked here; `OpusEncoder` refuses what is out of range.
        public init(
            bitrate: Bitrate = .kilobits(32), complexity: Int = 5, forwardErrorCorrection: Bool = true,
            expectedLossPercent: Int = 5, discontinuousTransmission: Bool = false,
            maximumPlaybackRate: Int = OpusEncoder.sampleRate
        ) {
            self.bitrate = bitrate
            self.complexity = complexity
            self.forwardErrorCorrection = forwardErrorCorrection
            self.expectedLossPercent = expectedLossPercent
            self.discontinuousTransmission = discontinuousTransmission
            self.maximumPlaybackRate = maximumPlaybackRate
        }

        /// libopus' name of the widest band that is played whole.
        var bandwidth: Int32 {
            switch maximumPlaybackRate {
            case ..<12_000: OPUS_BANDWIDTH_NARROWBAND
            case ..<16_000: OPUS_BANDWIDTH_MEDIUMBAND
            case ..<24_000: OPUS_BANDWIDTH_WIDEBAND
            case ..<48_000: OPUS_BANDWIDTH_SUPERWIDEBAND
            default: OPUS_BANDWIDTH_FULLBAND
            }
        }

        func check() throws(CodecError) {
            func require(_ condition: Bool, _ rule: @autoclosure () -> String) throws(CodecError) {
                guard condition else { throw CodecError(operation: "opus encoder settings", reason: rule()) }
            }
            try require(OpusEncoder.bitrates.contains(bitrate), "bitrate not 6 … 510 kbit/s (\(bitrate))")
            try require((0...10).contains(complexity), "complexity not 0 … 10 (\(complexity))")
            try require((0...100).contains(expectedLossPercent), "loss not 0 … 100 percent (\(expectedLossPercent))")
        }
    }

    /// - Throws: for settings out of range, and when libopus has no memory.
    public init(_ settings: Settings = Settings()) throws(CodecError) {
        try settings.check()
        var status: Int32 = 0
        guard let handle = opus_encoder_create(Int32(OpusEncoder.sampleRate), 1, OPUS_APPLICATION_VOIP, &status),
            status == OPUS_OK
        else { throw CodecError(opus: "opus encoder", status) }
        do throws(CodecError) {
            try CodecError.check("opus encoder setting", copus_set_vbr(handle, 1, 1))
            try CodecError.check("opus encoder setting", copus_set_voice(handle))
            try OpusEncoder.apply(settings, to: handle)
        } catch {
            opus_encoder_destroy(handle)
            throw error
        }
        self.handle = handle
        self.settings = settings
    }

    deinit { opus_encoder_destroy(handle) }

    /// Changes the settings from the next packet on.
    public mutating func update(_ new: Settings) throws(CodecError) {
        guard new != settings else { return }
        try new.check()
        try OpusEncoder.apply(new, to: handle)
        settings = new
    }

    /// Encodes one packet.
    ///
    /// - Parameter samples: as many as one of `packetSizes`.
    /// - Parameter captureTime: when the first sample was taken.
    /// - Returns: `.dropped` when discontinuous transmission leaves the packet out; `frame` is empty then.
    public mutating func encode(
        _ samples: Span<Int16>, captureTime: Instant, into frame: inout EncodedFrame
    ) throws(CodecError) -> EncodeResult {
        precondition(
            OpusEncoder.packetSizes.contains(samples.count), "opus encoder: a packet is 960, 480, 240 or 120 samples")
        frame.kind = .audio
        frame.isKeyframe = true
        frame.captureTime = captureTime
        frame.duration = OpusEncoder.packetDuration * samples.count / OpusEncoder.samplesPerPacket
        frame.width = 0
        frame.height = 0
        frame.codec = nil
        let handle = handle
        let count = samples.withUnsafeBufferPointer { samples in
            frame.withUnsafeMutableMemory(resizedTo: OpusEncoder.maximumPacket) {
                opus_encode(handle, samples.baseAddress!, Int32(samples.count), $0, Int32(OpusEncoder.maximumPacket))
            }
        }
        frame.truncate(to: max(0, Int(count)))
        guard count >= 0 else { throw CodecError(opus: "opus encode", count) }
        // Two bytes or fewer need not be sent (opus_encoder documentation): the decoder conceals them.
        guard count > 2 || !settings.discontinuousTransmission else {
            frame.truncate(to: 0)
            return .dropped
        }
        return .encoded
    }

    /// Forgets all signal history, for a stream that begins anew.
    public mutating func reset() { _ = copus_reset(handle) }

    private static func apply(_ settings: Settings, to handle: OpaquePointer) throws(CodecError) {
        let operation = "opus encoder setting"
        try CodecError.check(operation, copus_set_bitrate(handle, Int32(settings.bitrate.bitsPerSecond)))
        try CodecError.check(operation, copus_set_complexity(handle, Int32(settings.complexity)))
        try CodecError.check(operation, copus_set_inband_fec(handle, settings.forwardErrorCorrection ? 1 : 0))
        try CodecError.check(operation, copus_set_packet_loss(handle, Int32(settings.expectedLossPercent)))
        try CodecError.check(operation, copus_set_dtx(handle, settings.discontinuousTransmission ? 1 : 0))
        try CodecError.check(operation, copus_set_max_bandwidth(handle, settings.bandwidth))
    }
}

extension CodecError {
    init(opus operation: String, _ status: Int32) {
        self.init(operation: operation, reason: opus_strerror(status).map { String(cString: $0) } ?? "status \(status)")
    }

    static func check(_ operation: String, _ status: Int32) throws(CodecError) {
        guard status == OPUS_OK else { throw CodecError(opus: operation, status) }
    }
}
