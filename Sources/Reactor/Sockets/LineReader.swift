/// Splits a byte stream into lines, for the JSON lines of the control socket.
///
/// A line that is longer than the limit ends the stream: its sender does not speak this protocol.
public struct LineReader: Sendable {
    /// What ends the stream.
    public enum Failure: Error, Hashable, Sendable {
        case lineTooLong(limit: Int)
    }

    private var pending: [UInt8]
    private var searched: Int
    private let limit: Int

    /// `limit` is in bytes without the line's end.
    public init(limit: Int = 64 * 1024) {
        pending = []
        searched = 0
        self.limit = limit
    }

    /// Adds what was read; whole lines are then in `next`.
    public mutating func append(_ bytes: Span<UInt8>) {
        pending.reserveCapacity(pending.count + bytes.count)
        for index in 0..<bytes.count { pending.append(bytes[index]) }
    }

    /// What is left at the stream's end: a line as well, for the end ends it. Nil when nothing is left.
    public mutating func takeRest() throws(Failure) -> [UInt8]? {
        defer { (pending, searched) = ([], 0) }
        guard pending.count <= limit else { throw .lineTooLong(limit: limit) }
        if pending.last == 0x0D { pending.removeLast() }
        return pending.isEmpty ? nil : pending
    }

    /// The next whole line without its LF and an optional CR before it; nil when there is none yet.
    public mutating func next() throws(Failure) -> [UInt8]? {
        guard let end = pending[searched...].firstIndex(of: 0x0A) else {
            searched = pending.count
            guard pending.count <= limit else { throw .lineTooLong(limit: limit) }
            return nil
        }
        guard end <= limit else { throw .lineTooLong(limit: limit) }
        var line = Array(pending[..<end])
        if line.last == 0x0D { line.removeLast() }
        pending.removeSubrange(...end)
        searched = 0
        return line
    }
}
