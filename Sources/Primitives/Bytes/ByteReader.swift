/// The one way bytes from outside are read: forward, bounds checked, big endian unless named otherwise.
public struct ByteReader: ~Escapable {
    @usableFromInline let bytes: Span<UInt8>
    /// How many bytes have been read.
    public private(set) var offset: Int

    /// Begins at the first byte. The reader must not outlive the bytes.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        self.offset = 0
    }

    /// Bytes not read yet.
    public var remaining: Int { bytes.count - offset }
    /// Whether all bytes were read.
    public var isAtEnd: Bool { offset == bytes.count }

    /// - Throws: `ByteReaderError.truncated` when fewer than `count` bytes are left; nothing is consumed then.
    public mutating func skip(_ count: Int) throws(ByteReaderError) {
        guard count >= 0, remaining >= count else { throw .truncated(wanted: count, remaining: remaining) }
        offset += count
    }

    /// - Throws: `truncated`; nothing is consumed then.
    public mutating func readUInt8() throws(ByteReaderError) -> UInt8 {
        let at = offset
        try skip(1)
        return bytes[at]
    }

    /// Two bytes, big endian.
    /// - Throws: `truncated`; nothing is consumed then.
    public mutating func readUInt16() throws(ByteReaderError) -> UInt16 {
        let at = offset
        try skip(2)
        return UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1])
    }

    /// Three bytes, big endian.
    /// - Throws: `truncated`; nothing is consumed then.
    public mutating func readUInt24() throws(ByteReaderError) -> UInt32 {
        let at = offset
        try skip(3)
        return UInt32(bytes[at]) << 16 | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2])
    }

    /// Four bytes, big endian.
    /// - Throws: `truncated`; nothing is consumed then.
    public mutating func readUInt32() throws(ByteReaderError) -> UInt32 {
        let at = offset
        try skip(4)
        return UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8
            | UInt32(bytes[at + 3])
    }

    /// Eight bytes, big endian.
    /// - Throws: `truncated`; nothing is consumed then.
    public mutating func readUInt64() throws(ByteReaderError) -> UInt64 {
        guard remaining >= 8 else { throw .truncated(wanted: 8, remaining: remaining) }
        let high = try readUInt32()
        let low = try readUInt32()
        return UInt64(high) << 32 | UInt64(low)
    }

    /// The next `count` bytes, borrowed from the same memory.
    @_lifetime(copy self)
    public mutating func readBytes(_ count: Int) throws(ByteReaderError) -> Span<UInt8> {
        let at = offset
        try skip(count)
        return bytes.extracting(at..<at + count)
    }

    /// All bytes not read yet, borrowed from the same memory.
    @_lifetime(copy self)
    public mutating func readRemaining() -> Span<UInt8> {
        let at = offset
        offset = bytes.count
        return bytes.extracting(at..<bytes.count)
    }
}

/// Why a read failed.
public enum ByteReaderError: Error, Equatable, Sendable {
    /// A read of `wanted` bytes where only `remaining` were left.
    case truncated(wanted: Int, remaining: Int)
}

extension Span where Element == UInt8 {
    /// A copy on the heap, for the control plane.
    public func copied() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<self.count { buffer.initializeElement(at: index, to: self[index]) }
            initialized = self.count
        }
    }

    /// Whether both hold the same bytes. Not constant time: never for secrets.
    public func elementsEqual(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }
}

extension [UInt8] {
    /// Copies the bytes behind its own.
    public mutating func append(_ source: Span<UInt8>) {
        unsafe source.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
