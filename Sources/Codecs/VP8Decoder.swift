import CVPX
public import Primitives

/// Decodes VP8 (RFC 6386): for tests and the doctor's call to itself.
public struct VP8Decoder: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only; one thread.
    private let context: UnsafeMutablePointer<vpx_codec_ctx_t>
    /// A keyframe that claims more pixels than this is refused before memory is taken for it.
    public let maximumPixels: Int

    /// - Throws: when libvpx has no memory.
    public init(maximumPixels: Int = 4096 * 2304) throws(CodecError) {
        let context = UnsafeMutablePointer<vpx_codec_ctx_t>.allocate(capacity: 1)
        context.initialize(to: vpx_codec_ctx_t())
        var config = vpx_codec_dec_cfg_t(threads: 1, w: 0, h: 0)
        let status = cvpx_vp8_decoder_init(context, &config)
        guard status == VPX_CODEC_OK else {
            let error = CodecError(vpx: "vp8 decoder", status, context)
            context.deallocate()
            throw error
        }
        self.context = context
        self.maximumPixels = maximumPixels
    }

    deinit {
        vpx_codec_destroy(context)
        context.deallocate()
    }

    /// Decodes one encoded picture.
    ///
    /// - Parameter picture: gets the result; it is replaced by one of the right size when it has another.
    /// - Returns: false when these bytes make no picture to show; `picture` is as it was then.
    /// - Throws: when they are not VP8, are damaged, or come before the first keyframe.
    public mutating func decode(_ bytes: Span<UInt8>, into picture: inout VideoFrame) throws(CodecError) -> Bool {
        guard bytes.count > 0 else { throw CodecError(operation: "vp8 decode", reason: "no bytes") }
        try checkSize(bytes)
        let context = context
        let status = bytes.withUnsafeBufferPointer {
            vpx_codec_decode(context, $0.baseAddress, UInt32($0.count), nil, 0)
        }
        guard status == VPX_CODEC_OK else { throw CodecError(vpx: "vp8 decode", status, context) }
        var iterator: vpx_codec_iter_t?
        guard let image = vpx_codec_get_frame(context, &iterator) else { return false }
        let (width, height) = (Int(image.pointee.d_w), Int(image.pointee.d_h))
        if picture.width != width || picture.height != height {
            picture = VideoFrame(width: width, height: height, captureTime: picture.captureTime)
        }
        let (stride, chromaStride) = (picture.stride, picture.chromaStride)
        let (chromaWidth, chromaHeight) = (picture.chromaWidth, picture.chromaHeight)
        picture.withUnsafeMutablePlanes { y, u, v in
            let planes = image.pointee.planes
            let strides = image.pointee.stride
            copy(planes.0, Int(strides.0), to: y, stride, width, height)
            copy(planes.1, Int(strides.1), to: u, chromaStride, chromaWidth, chromaHeight)
            copy(planes.2, Int(strides.2), to: v, chromaStride, chromaWidth, chromaHeight)
        }
        return true
    }

    /// The size in a keyframe's header (RFC 6386 section 9.1): 3 bytes of tag, 3 of start code, then two 14-bit numbers.
    private func checkSize(_ bytes: Span<UInt8>) throws(CodecError) {
        guard bytes[0] & 1 == 0, bytes.count >= 10 else { return }
        let width = (Int(bytes[7]) << 8 | Int(bytes[6])) & 0x3FFF
        let height = (Int(bytes[9]) << 8 | Int(bytes[8])) & 0x3FFF
        guard width * height <= maximumPixels else {
            throw CodecError(operation: "vp8 decode", reason: "picture too large (\(width)x\(height))")
        }
    }

    private func copy(
        _ source: UnsafeMutablePointer<UInt8>?, _ sourceStride: Int, to target: UnsafeMutablePointer<UInt8>,
        _ targetStride: Int, _ width: Int, _ height: Int
    ) {
        guard let source else { return }
        for row in 0..<height {
            (target + row * targetStride).update(from: source + row * sourceStride, count: width)
        }
    }
}
