public import Primitives

/// What a video encoder of any codec is asked for.
public struct VideoEncoderSettings: Sendable, Equatable {
    /// What an encoder takes; more and less is refused.
    public static let bitrates: ClosedRange<Bitrate> = .kilobits(10)...(.kilobits(20_000))

    /// In pixels.
    public var width: Int
    /// In pixels.
    public var height: Int
    /// Pictures per second that the rate control expects.
    public var frameRate: Int
    /// What the rate control aims at.
    public var bitrate: Bitrate

    /// Nothing is checked here; the encoder refuses what is out of range.
    public init(width: Int, height: Int, frameRate: Int, bitrate: Bitrate) {
        self.width = width
        self.height = height
        self.frameRate = frameRate
        self.bitrate = bitrate
    }
}

/// One stream's encoder, of the codec that was negotiated.
public enum VideoEncoder: ~Copyable {
    case vp8(VP8Encoder)

    /// - Throws: for settings out of range, and when the library has no memory.
    public init(_ codec: VideoCodec, _ settings: VideoEncoderSettings) throws(CodecError) {
        switch codec {
        case .vp8: self = .vp8(try VP8Encoder(VP8EncoderSettings(settings)))
        }
    }

    /// Encodes `picture`, whose size must be the settings'. The first picture, and the first of a new size, is a keyframe
    /// anyway; a keyframe is never dropped. `frame` gets the bytes, size, codec and capture time; its memory is reused.
    public mutating func encode(
        _ picture: borrowing VideoFrame, forceKeyframe: Bool = false, into frame: inout EncodedFrame
    ) throws(CodecError) -> EncodeResult {
        // Taken out and put back: what an enum holds cannot be changed in its place.
        switch consume self {
        case .vp8(var encoder):
            let result: Result<EncodeResult, CodecError>
            do throws(CodecError) {
                result = .success(try encoder.encode(picture, forceKeyframe: forceKeyframe, into: &frame))
            } catch { result = .failure(error) }
            self = .vp8(encoder)
            return try result.get()
        }
    }

    /// Changes what the encoder works towards; a new size takes effect with a keyframe.
    public mutating func update(_ new: VideoEncoderSettings) throws(CodecError) {
        switch consume self {
        case .vp8(var encoder):
            let result: Result<Void, CodecError>
            do throws(CodecError) { result = .success(try encoder.update(VP8EncoderSettings(new))) } catch {
                result = .failure(error)
            }
            self = .vp8(encoder)
            try result.get()
        }
    }

    /// The quantizer of the newest picture as its header has it: for VP8 `y_ac_qi` (RFC 6386 section 9.6), 0 (best) … 127.
    public var quantizerIndex: Int {
        switch self {
        case .vp8(let encoder): encoder.measures.quantizerIndex
        }
    }
}

extension VP8EncoderSettings {
    init(_ settings: VideoEncoderSettings) {
        self.init(
            width: settings.width, height: settings.height, frameRate: settings.frameRate, bitrate: settings.bitrate)
    }
}

/// One stream's decoder, of the codec that was negotiated: for doctor's call to this machine itself.
public enum VideoDecoder: ~Copyable {
    case vp8(VP8Decoder)

    /// - Throws: when the library has no memory.
    public init(_ codec: VideoCodec) throws(CodecError) {
        switch codec {
        case .vp8: self = .vp8(try VP8Decoder())
        }
    }

    /// Decodes one encoded picture over `picture`, which is replaced by one of the right size when it has another.
    ///
    /// - Returns: false when these bytes make no picture to show; `picture` is as it was then.
    /// - Throws: when they are damaged, or come before the first keyframe.
    public mutating func decode(_ bytes: Span<UInt8>, into picture: inout VideoFrame) throws(CodecError) -> Bool {
        switch consume self {
        case .vp8(var decoder):
            let result: Result<Bool, CodecError>
            do throws(CodecError) { result = .success(try decoder.decode(bytes, into: &picture)) } catch {
                result = .failure(error)
            }
            self = .vp8(decoder)
            return try result.get()
        }
    }
}
