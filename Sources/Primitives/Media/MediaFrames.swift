/// A raw picture in I420: a full-size luma plane, then two chroma planes of half width and height (rounded up),
/// each row `stride` bytes. Owned memory; move it, or lend it.
public struct VideoFrame: ~Copyable, @unchecked Sendable {
    // Unique ownership of the memory makes sending it across threads sound, though a raw pointer is not Sendable.
    private let memory: UnsafeMutablePointer<UInt8>
    /// In pixels.
    public let width: Int
    /// In pixels.
    public let height: Int
    /// Bytes between two rows of the luma plane; chroma rows are half of it apart.
    public let stride: Int
    /// When the picture was taken, on the monotonic clock (the driver's timestamp where there is one).
    public var captureTime: Instant

    /// An I420 picture with black contents. Sizes are in pixels and must be positive.
    public init(width: Int, height: Int, captureTime: Instant = .zero) {
        precondition(width > 0 && height > 0, "video frame: empty size")
        self.width = width
        self.height = height
        stride = (width + 31) & ~31
        self.captureTime = captureTime
        let luma = stride * height
        let chroma = stride / 2 * ((height + 1) / 2)
        memory = .allocate(capacity: luma + 2 * chroma)
        memory.initialize(repeating: 16, count: luma)
        (memory + luma).initialize(repeating: 128, count: 2 * chroma)
    }

    deinit { memory.deallocate() }

    /// Pixels in a row of a chroma plane.
    public var chromaWidth: Int { (width + 1) / 2 }
    /// Rows of a chroma plane.
    public var chromaHeight: Int { (height + 1) / 2 }
    /// Bytes between two rows of a chroma plane.
    public var chromaStride: Int { stride / 2 }

    /// Pointers to the three planes, valid while `body` runs.
    public mutating func withUnsafeMutablePlanes<R, E: Error>(
        _ body: (_ y: UnsafeMutablePointer<UInt8>, _ u: UnsafeMutablePointer<UInt8>, _ v: UnsafeMutablePointer<UInt8>)
            throws(E) -> R
    ) throws(E) -> R {
        let u = memory + stride * height
        return try body(memory, u, u + chromaStride * chromaHeight)
    }

    /// Pointers to the three planes for reading, valid while `body` runs.
    public borrowing func withUnsafePlanes<R, E: Error>(
        _ body: (_ y: UnsafePointer<UInt8>, _ u: UnsafePointer<UInt8>, _ v: UnsafePointer<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let u = memory + stride * height
        return try body(UnsafePointer(memory), UnsafePointer(u), UnsafePointer(u + chromaStride * chromaHeight))
    }
}

/// Which kind of media something carries.
public enum MediaKind: String, Sendable, CaseIterable {
    case audio, video
}

/// One encoded picture or audio packet on its way from an encoder to the network, with memory that is reused.
public struct EncodedFrame: ~Copyable, @unchecked Sendable {
    // Unique ownership, as for VideoFrame.
    private var memory: UnsafeMutablePointer<UInt8>
    /// Bytes of memory.
    public private(set) var capacity: Int
    /// Bytes in use.
    public private(set) var count: Int
    /// Audio or video.
    public var kind: MediaKind
    /// Whether a decoder can start here. Always true for audio.
    public var isKeyframe: Bool
    /// When the picture or the first sample was captured, on the monotonic clock.
    public var captureTime: Instant
    /// How long this frame lasts; 20 ms for an Opus packet.
    public var duration: Duration
    /// Width and height of the picture in pixels; 0 for audio.
    public var width: Int
    /// In pixels; 0 for audio.
    public var height: Int
    /// How the picture is encoded; nil for sound, which is Opus.
    public var codec: VideoCodec?

    /// An empty frame whose memory grows when more is needed. The encoder that fills it says which codec it is of.
    public init(kind: MediaKind, capacity: Int) {
        memory = .allocate(capacity: capacity)
        self.capacity = capacity
        count = 0
        self.kind = kind
        isKeyframe = false
        captureTime = .zero
        duration = .zero
        width = 0
        height = 0
        codec = kind == .video ? .vp8 : nil
    }

    deinit { memory.deallocate() }

    /// The bytes in use.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let span = unsafe Span(_unsafeStart: memory, count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Makes the contents `size` bytes long; they are undefined until written. Grows the memory when it must.
    public mutating func withUnsafeMutableMemory<R>(resizedTo size: Int, _ body: (UnsafeMutablePointer<UInt8>) -> R)
        -> R
    {
        if size > capacity {
            memory.deallocate()
            capacity = max(size, capacity * 2)
            memory = .allocate(capacity: capacity)
        }
        count = size
        return body(memory)
    }

    /// Shortens the contents to `size` bytes, after a write that needed less than was asked for.
    public mutating func truncate(to size: Int) {
        precondition(size >= 0 && size <= count, "encoded frame: truncation beyond the contents")
        count = size
    }
}
