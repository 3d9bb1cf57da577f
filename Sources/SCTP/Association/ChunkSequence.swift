import Primitives

/// The chunks of a packet, one after another, with the verdict on each (RFC 9260 section 3.2). The bytes stay with the caller.
///
///     next ─▶ chunk, unknown ─▶ next …
///          └▶ malformed, unknown that stops, the last byte ─▶ end
struct ChunkSequence: Sendable {
    enum Step: Equatable, Sendable {
        case chunk(ChunkType, flags: UInt8, value: Range<Int>)
        /// Of a type that is not known; the bytes are those that its sender wants to be told of.
        case unknown(reported: Range<Int>?)
        /// A header or length that cannot be; nothing behind it is read.
        case malformed
        case end
    }

    /// So much of an unknown chunk is told to its sender.
    private static let reportLimit = 256

    /// Where the next chunk begins; nil at the end.
    private var offset: Int?

    init(from start: Int) { offset = start }

    mutating func next(in bytes: Span<UInt8>) -> Step {
        guard var at = offset else { return .end }
        offset = nil
        guard let chunk = try? TLV.nextChunk(in: bytes, at: &at) else { return at < bytes.count ? .malformed : .end }
        guard let type = ChunkType(rawValue: UInt8(truncatingIfNeeded: chunk.type)) else {
            let unknown = UnknownType(chunk: chunk.type)
            if !unknown.stops { offset = at }
            return .unknown(reported: unknown.isReported ? chunk.whole.prefix(Self.reportLimit) : nil)
        }
        offset = at
        return .chunk(type, flags: chunk.flags, value: chunk.value)
    }
}
