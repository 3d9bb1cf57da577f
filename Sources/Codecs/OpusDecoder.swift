import COpus

/// Decodes Opus to 48 kHz mono (RFC 6716), with concealment for packets that did not come.
public struct OpusDecoder: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only.
    private let handle: OpaquePointer

    /// The longest packet Opus knows, 120 ms: the least room a decoding call needs.
    public static let maximumSamples = 5760

    /// - Throws: when libopus has no memory.
    public init() throws(CodecError) {
        var status: Int32 = 0
        guard let handle = opus_decoder_create(Int32(OpusEncoder.sampleRate), 1, &status), status == OPUS_OK else {
            throw CodecError(opus: "opus decoder", status)
        }
        self.handle = handle
    }

    deinit { opus_decoder_destroy(handle) }

    /// Decodes one packet.
    ///
    /// - Parameter samples: room for at least `maximumSamples`.
    /// - Returns: how many samples were written.
    /// - Throws: when the bytes are no Opus packet.
    public mutating func decode(_ packet: Span<UInt8>, into samples: inout MutableSpan<Int16>) throws(CodecError) -> Int
    {
        // To libopus an empty packet means a lost one; here it is a malformed one.
        guard packet.count > 0 else { throw CodecError(operation: "opus decode", reason: "no bytes") }
        return try run(packet, fec: false, count: OpusDecoder.maximumSamples, into: &samples)
    }

    /// Fills the gap of a lost 20 ms packet from the copy inside its successor, or by concealment where there is none.
    public mutating func recover(
        from successor: Span<UInt8>, into samples: inout MutableSpan<Int16>
    ) throws(CodecError) -> Int {
        guard successor.count > 0 else { throw CodecError(operation: "opus decode", reason: "no bytes") }
        return try run(successor, fec: true, count: OpusEncoder.samplesPerPacket, into: &samples)
    }

    /// Invents 20 ms that continue what was heard, for a lost packet without a successor.
    public mutating func conceal(into samples: inout MutableSpan<Int16>) throws(CodecError) -> Int {
        try run(Span(), fec: false, count: OpusEncoder.samplesPerPacket, into: &samples)
    }

    /// Forgets all signal history.
    public mutating func reset() { _ = copus_decoder_reset(handle) }

    private func run(
        _ packet: Span<UInt8>, fec: Bool, count: Int, into samples: inout MutableSpan<Int16>
    ) throws(CodecError) -> Int {
        precondition(samples.count >= count, "opus decoder: no room for the samples")
        let decoded = packet.withUnsafeBufferPointer { packet in
            samples.withUnsafeMutableBufferPointer { samples in
                opus_decode(
                    handle, packet.isEmpty ? nil : packet.baseAddress, Int32(packet.count), samples.baseAddress!,
                    Int32(count), fec ? 1 : 0)
            }
        }
        guard decoded >= 0 else { throw CodecError(opus: "opus decode", decoded) }
        return Int(decoded)
    }
}
