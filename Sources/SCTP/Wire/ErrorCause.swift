import Primitives

/// Why an association is aborted or a chunk refused (RFC 9260 section 3.3.10).
public enum ErrorCause: UInt16, Sendable, CaseIterable {
    case invalidStreamIdentifier = 1
    case missingMandatoryParameter = 2
    case staleCookie = 3
    case outOfResource = 4
    case unresolvableAddress = 5
    case unrecognizedChunkType = 6
    case invalidMandatoryParameter = 7
    case unrecognizedParameters = 8
    case noUserData = 9
    case cookieReceivedWhileShuttingDown = 10
    case restartWithNewAddresses = 11
    case userInitiatedAbort = 12
    case protocolViolation = 13
}

extension ErrorCause {
    /// The first cause of an ERROR or ABORT chunk's value; nil where there is none, or of an unknown code.
    static func first(in value: Span<UInt8>) -> ErrorCause? {
        var offset = 0
        guard let parameter = try? TLV.nextParameter(in: value, at: &offset) else { return nil }
        return ErrorCause(rawValue: parameter.type)
    }
}

extension ByteWriter {
    /// A chunk: its header, what `value` writes, and the padding. The length is patched in.
    mutating func writeChunk(_ type: ChunkType, flags: UInt8 = 0, _ value: (inout ByteWriter) -> Void) {
        let start = count
        write(type.rawValue)
        write(flags)
        finishTLV(from: start, value)
    }

    /// A parameter or error cause, like a chunk with a type of two bytes. The length of a chunk "does include any padding of
    /// variable-length parameters other than the last parameter", whose padding is the chunk's.
    mutating func writeParameter(_ type: UInt16, isLast: Bool = false, _ value: (inout ByteWriter) -> Void) {
        let start = count
        write(type)
        finishTLV(from: start, isPadded: !isLast, value)
    }

    /// An error cause.
    mutating func writeCause(_ cause: ErrorCause, _ value: (inout ByteWriter) -> Void = { _ in }) {
        writeParameter(cause.rawValue, isLast: true, value)
    }

    /// An ERROR chunk: data on a stream that there is not (RFC 9260 section 3.3.10.1).
    mutating func writeInvalidStream(_ stream: StreamID) {
        writeChunk(.error) { writer in
            writer.writeCause(.invalidStreamIdentifier) { writer in
                writer.write(stream.rawValue)
                writer.write(0 as UInt16)
            }
        }
    }

    /// An ERROR chunk: a cookie is older than its life by so many microseconds (RFC 9260 section 3.3.10.3).
    mutating func writeStaleCookie(_ microseconds: UInt32) {
        writeChunk(.error) { writer in writer.writeCause(.staleCookie) { $0.write(microseconds) } }
    }

    /// An ERROR chunk: the beginning of a chunk of a type that is not known (RFC 9260 section 3.3.10.6).
    mutating func writeUnrecognized(_ chunk: Span<UInt8>) {
        writeChunk(.error) { writer in writer.writeCause(.unrecognizedChunkType) { $0.write(chunk) } }
    }

    private mutating func finishTLV(from start: Int, isPadded: Bool = true, _ value: (inout ByteWriter) -> Void) {
        write(0 as UInt16)
        value(&self)
        let length = count - start
        patch(UInt16(truncatingIfNeeded: length), at: start + 2)
        if isPadded { write(zeros: (length + 3) & ~3 - length) }
    }
}
