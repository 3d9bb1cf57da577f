import CLinux
import Glibc
public import Primitives

/// A datagram that arrived: its bytes and its source address.
public struct Datagram: ~Copyable, Sendable {
    /// Its bytes; the slot goes back to the pool with it.
    public var packet: PacketBuffer
    /// The source address, as the kernel says; it can be forged.
    public var source: SocketAddress

    /// For tests; sockets make their own.
    public init(packet: consuming PacketBuffer, source: SocketAddress) {
        self.packet = packet
        self.source = source
    }
}

/// A non-blocking UDP socket over IPv4 or IPv6 that receives and sends in batches.
///
/// Receiving: `receive(from:)` lets the kernel fill up to `batchSize` buffers of a pool with one recvmmsg(2);
/// `nextDatagram()` hands them out. Sending: `enqueue` takes packets, `flush()` gives them to the kernel with one
/// sendmmsg(2). A packet goes back to its pool when it has been sent or dropped.
///
/// Errors of single datagrams, also those that ICMP reports later, are values and counts, never a reason to stop.
public struct UDPSocket: ~Copyable, @unchecked Sendable {
    // Owned by one thread at a time: unique ownership of the memory behind the pointers makes moving it sound.

    /// How many datagrams one system call moves at most.
    public static let batchSize = 32

    /// What is set when the socket is opened.
    public struct Options: Sendable {
        /// SO_SNDBUF and SO_RCVBUF in bytes; the kernel may give less (net.core.wmem_max). nil leaves its default.
        public var sendBuffer: Int?
        /// SO_RCVBUF in bytes; nil leaves the kernel's default.
        public var receiveBuffer: Int?
        /// Differentiated services code point of everything sent (RFC 2474), 0 … 63; nil leaves 0.
        public var dscp: UInt8?
        /// Other sockets may be bound to the same port (SO_REUSEADDR), as all programs for multicast DNS are.
        public var reusesAddress: Bool

        /// 256 KiB for either direction; the kernel may give less.
        public init(
            sendBuffer: Int? = 256 * 1024, receiveBuffer: Int? = 256 * 1024, dscp: UInt8? = nil,
            reusesAddress: Bool = false
        ) {
            self.reusesAddress = reusesAddress
            self.sendBuffer = sendBuffer
            self.receiveBuffer = receiveBuffer
            self.dscp = dscp
        }
    }

    /// What one `receive` brought.
    public enum ReceiveResult: Hashable, Sendable {
        /// So many datagrams wait in `nextDatagram`. When it is `batchSize`, there may be more in the kernel.
        case received(Int)
        /// Nothing there.
        case wouldBlock
        /// No free buffer in the pool: datagrams wait in the kernel, and it drops what does not fit there.
        case poolExhausted
        /// An error the kernel keeps for the socket, of an earlier send as a rule (ECONNREFUSED).
        case failed(SystemError)
    }

    /// What one `flush` did.
    public struct SendResult: Hashable, Sendable {
        /// Datagrams that the kernel took.
        public var sent: Int
        /// Datagrams the kernel refused and that are gone, and why the last one was.
        public var failed: Int
        /// Nil when `failed` is 0.
        public var lastError: SystemError?
        /// The send buffer is full: the rest stays queued until the socket is writable.
        public var isBlocked: Bool
    }

    private let socket: FileDescriptor
    /// The address the kernel bound.
    public let localAddress: SocketAddress
    private var batch: DatagramBatch
    private var outgoing: DatagramBatch

    /// Opens a socket and binds it to one address; port 0 lets the kernel choose.
    ///
    /// An IPv6 socket never takes IPv4 traffic (RFC 3493 section 5.3, IPV6_V6ONLY).
    public init(bindingTo address: SocketAddress, _ options: Options = Options()) throws(SystemError) {
        let socket = FileDescriptor(
            takingOwnershipOf: try Syscall.socket(address.family, clinux_sock_dgram).get("udp socket"))
        let descriptor = socket.rawValue
        if !address.address.isIPv4 {
            _ = try Syscall.setOption(descriptor, IPPROTO_IPV6.asInt32, IPV6_V6ONLY, 1).get("IPV6_V6ONLY")
        }
        if options.reusesAddress {
            _ = try Syscall.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1).get("SO_REUSEADDR")
        }
        if let size = options.sendBuffer {
            _ = try Syscall.setOption(descriptor, SOL_SOCKET, SO_SNDBUF, Int32(clamping: size)).get("SO_SNDBUF")
        }
        if let size = options.receiveBuffer {
            _ = try Syscall.setOption(descriptor, SOL_SOCKET, SO_RCVBUF, Int32(clamping: size)).get("SO_RCVBUF")
        }
        _ = try address.withSystem { system, size in Syscall.call { bind(descriptor, system, size) } }
            .get("bind \(address)")
        if let dscp = options.dscp {
            try UDPSocket.setDSCP(dscp, descriptor, isIPv4: address.address.isIPv4)
        }
        localAddress = try SystemAddress.local(descriptor).get("getsockname")
        self.socket = socket
        batch = DatagramBatch()
        outgoing = DatagramBatch()
    }

    /// For the event loop.
    public var descriptor: Int32 { socket.rawValue }

    /// Marks everything sent from now on (RFC 2474, RFC 8837).
    public mutating func setDSCP(_ value: UInt8) throws(SystemError) {
        try UDPSocket.setDSCP(value, descriptor, isIPv4: localAddress.address.isIPv4)
    }

    private static func setDSCP(_ value: UInt8, _ descriptor: Int32, isIPv4: Bool) throws(SystemError) {
        precondition(value < 64, "udp socket: a DSCP has six bits")
        let field = Int32(value) << 2
        if isIPv4 {
            _ = try Syscall.setOption(descriptor, IPPROTO_IP.asInt32, IP_TOS, field).get("IP_TOS")
        } else {
            _ = try Syscall.setOption(descriptor, IPPROTO_IPV6.asInt32, IPV6_TCLASS, field)
                .get("IPV6_TCLASS")
        }
    }

    // MARK: Receiving

    /// Takes what has arrived, up to `batchSize` datagrams. All earlier ones must have been taken.
    public mutating func receive(from pool: PacketPool) -> ReceiveResult {
        precondition(batch.isEmpty, "udp socket: datagrams of the last batch were not taken")
        let room = batch.prepareReceive(from: pool)
        guard room > 0 else { return .poolExhausted }
        let descriptor = socket.rawValue
        let headers = batch.headers
        switch Syscall.call({ clinux_recvmmsg(descriptor, headers, UInt32(room), MSG_DONTWAIT.asInt32, nil) }) {
        case .success(let count):
            batch.finishReceive(count: Int(count))
            return .received(batch.count)
        case .failure(let code):
            batch.removeAll()
            return code == EAGAIN ? .wouldBlock : .failed(SystemError("recvmmsg", code))
        }
    }

    /// The oldest datagram of the batch, or nil when all have been taken.
    public mutating func nextDatagram() -> Datagram? {
        batch.takeFirst()
    }

    // MARK: Sending

    /// Datagrams that wait for `flush`.
    public var queuedCount: Int { outgoing.count }
    /// Whether `flush` must come before the next `enqueue`.
    public var isQueueFull: Bool { outgoing.isFull }

    /// Puts a packet into the batch. The batch must not be full.
    public mutating func enqueue(_ packet: consuming PacketBuffer, to destination: SocketAddress) {
        outgoing.appendForSending(packet, to: destination)
    }

    /// Gives the batch to the kernel. What a full send buffer refuses stays queued.
    public mutating func flush() -> SendResult {
        var result = SendResult(sent: 0, failed: 0, lastError: nil, isBlocked: false)
        let descriptor = socket.rawValue
        while !outgoing.isEmpty {
            let headers = outgoing.headers + outgoing.first
            let count = UInt32(outgoing.count)
            switch Syscall.call({
                clinux_sendmmsg(descriptor, headers, count, MSG_DONTWAIT.asInt32 | clinux_msg_nosignal)
            }) {
            case .success(let sent):
                outgoing.dropFirst(Int(sent))
                result.sent += Int(sent)
            case .failure(let code):
                guard code != EAGAIN else {
                    result.isBlocked = true
                    return result
                }
                // The kernel reports an error only for the first datagram: it is lost, the others may still go.
                outgoing.dropFirst(1)
                result.failed += 1
                result.lastError = SystemError("sendmmsg", code)
            }
        }
        return result
    }

    /// Throws away what is queued.
    public mutating func dropQueue() { outgoing.removeAll() }

    /// Sends one datagram at once, past the queue.
    public mutating func send(_ bytes: Span<UInt8>, to destination: SocketAddress) -> Result<Void, SystemError> {
        let descriptor = socket.rawValue
        let outcome = destination.withSystem { system, size in
            bytes.withUnsafeBufferPointer { buffer in
                Syscall.call {
                    sendto(
                        descriptor, buffer.baseAddress, buffer.count,
                        MSG_DONTWAIT.asInt32 | clinux_msg_nosignal, system, size)
                }
            }
        }
        switch outcome {
        case .success: return .success(())
        case .failure(let code): return .failure(SystemError("sendto", code))
        }
    }
}

// Glibc shows some constants as enumerators and some as integers; both end up as the C int that the calls take.
extension Int {
    var asInt32: Int32 { Int32(self) }
}
extension UInt32 {
    var asInt32: Int32 { Int32(self) }
}
extension Int32 {
    var asInt32: Int32 { self }
}
