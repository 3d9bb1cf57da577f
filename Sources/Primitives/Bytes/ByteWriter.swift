/// The one way packets are written: forward, big endian, into memory the caller owns.
///
/// A write past the end writes nothing and marks the writer as overflowed, so that a packet's code reads
/// straight down and its length is judged once, at the end.
public struct ByteWriter: ~Copyable, ~Escapable {
    @usableFromInline var bytes: MutableSpan<UInt8>
    /// Bytes in the buffer, those before this writer began included: patch positions count from the buffer's start.
    public private(set) var count: Int
    /// Whether a write did not fit.
    public private(set) var overflowed: Bool

    /// A writer that appends behind the first `count` bytes.
    @_lifetime(copy bytes)
    public init(_ bytes: consuming MutableSpan<UInt8>, count: Int = 0) {
        self.bytes = bytes
        self.count = count
        self.overflowed = false
    }

    /// Bytes that still fit.
    public var remaining: Int { bytes.count - count }

    private mutating func claim(_ size: Int) -> Int? {
        guard !overflowed, bytes.count - count >= size else {
            overflowed = true
            return nil
        }
        defer { count += size }
        return count
    }

    /// One byte.
    public mutating func write(_ value: UInt8) {
        guard let at = claim(1) else { return }
        bytes[at] = value
    }

    /// Two bytes, big endian.
    public mutating func write(_ value: UInt16) {
        guard let at = claim(2) else { return }
        bytes[at] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[at + 1] = UInt8(truncatingIfNeeded: value)
    }

    /// The three lower bytes, big endian.
    public mutating func writeUInt24(_ value: UInt32) {
        guard let at = claim(3) else { return }
        bytes[at] = UInt8(truncatingIfNeeded: value >> 16)
        bytes[at + 1] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[at + 2] = UInt8(truncatingIfNeeded: value)
    }

    /// Four bytes, big endian.
    public mutating func write(_ value: UInt32) {
        guard let at = claim(4) else { return }
        bytes[at] = UInt8(truncatingIfNeeded: value >> 24)
        bytes[at + 1] = UInt8(truncatingIfNeeded: value >> 16)
        bytes[at + 2] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[at + 3] = UInt8(truncatingIfNeeded: value)
    }

    /// Eight bytes, big endian.
    public mutating func write(_ value: UInt64) {
        write(UInt32(truncatingIfNeeded: value >> 32))
        write(UInt32(truncatingIfNeeded: value))
    }

    /// All of them, or none when they do not fit.
    public mutating func write(_ source: Span<UInt8>) {
        guard let at = claim(source.count) else { return }
        for index in 0..<source.count { bytes[at + index] = source[index] }
    }

    /// All of them, or none when they do not fit.
    public mutating func write(_ source: [UInt8]) {
        guard let at = claim(source.count) else { return }
        for index in 0..<source.count { bytes[at + index] = source[index] }
    }

    /// The text's bytes in UTF-8, as many as fit.
    public mutating func write(utf8 text: String) {
        for byte in text.utf8 { write(byte) }
    }

    /// So many zero bytes, or none when they do not fit.
    public mutating func write(zeros size: Int) {
        guard let at = claim(size) else { return }
        for index in 0..<size { bytes[at + index] = 0 }
    }

    /// Overwrites 16 bits that were written before, `position` bytes from the buffer's start.
    public mutating func patch(_ value: UInt16, at position: Int) {
        guard !overflowed else { return }
        precondition(position + 2 <= count, "byte writer: a patch must lie in what was written")
        bytes[position] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[position + 1] = UInt8(truncatingIfNeeded: value)
    }

    /// What has been written, for checksums over it.
    public var written: Span<UInt8> {
        @_lifetime(borrow self)
        get { bytes.span.extracting(0..<count) }
    }
}

extension Array where Element == UInt8 {
    /// The bytes that `body` writes, at most `capacity`; nil when they did not fit. For the control plane.
    public static func written(capacity: Int = 1500, _ body: (inout ByteWriter) -> Void) -> [UInt8]? {
        var array = [UInt8](repeating: 0, count: capacity)
        var writer = ByteWriter(array.mutableSpan)
        body(&writer)
        let (count, overflowed) = (writer.count, writer.overflowed)
        guard !overflowed else { return nil }
        array.removeLast(capacity - count)
        return array
    }
}
