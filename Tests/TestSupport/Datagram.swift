public import Primitives

/// A UDP datagram on its way.
public struct Datagram: Hashable, Sendable {
    public var source: SocketAddress
    public var destination: SocketAddress
    public var bytes: [UInt8]

    public init(source: SocketAddress, destination: SocketAddress, bytes: [UInt8]) {
        self.source = source
        self.destination = destination
        self.bytes = bytes
    }

    /// SRTP, and not SRTCP (RFC 5761 section 4).
    public var isMedia: Bool { bytes.count > 12 && bytes[0] >> 6 == 2 && !(192...223).contains(bytes[1]) }
}
