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
}
