public import Primitives

/// Cuts a TCP or TLS stream from a TURN server into frames (RFC 8656 section 12.5, RFC 8489 section 6.2.2): STUN
/// messages tell their length, ChannelData is padded to four bytes.
///
/// The driver owns the stream: it appends what it has read and takes frames out as long as there are any. Each is
/// then handed to the agent like a datagram.
public struct TURNStreamReader: Sendable {
    private var buffer: [UInt8]
    private var start: Int
    /// The stream is not TURN's: close it.
    public private(set) var isBroken: Bool

    /// At the beginning of a stream.
    public init() {
        buffer = []
        start = 0
        isBroken = false
    }

    /// Takes bytes in the order in which the stream delivered them, in pieces of any size. After `isBroken` they are ignored.
    public mutating func append(_ bytes: Span<UInt8>) {
        guard !isBroken else { return }
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        for index in 0..<bytes.count { buffer.append(bytes[index]) }
    }

    /// The next whole frame in place of what is in `packet`; false when there is none yet. A frame that does not fit
    /// into the packet is passed over: no datagram that we could use is that long.
    public mutating func next(into packet: inout PacketBuffer) -> Bool {
        while !isBroken, buffer.count - start >= 4 {
            let length = Int(buffer[start + 2]) << 8 | Int(buffer[start + 3])
            let size: Int
            let total: Int
            switch buffer[start] {
            case 0...3:
                size = 20 + length
                total = size
            case 64...79:
                size = 4 + length
                total = 4 + (length + 3) & ~3
            default:
                isBroken = true
                return false
            }
            guard buffer.count - start >= total else { return false }
            let frame = start..<start + size
            start += total
            guard size <= packet.capacity else { continue }
            packet.removeAll()
            packet.append(buffer.span.extracting(frame))
            return true
        }
        return false
    }
}
