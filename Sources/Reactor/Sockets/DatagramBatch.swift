import CLinux
import Glibc
import Primitives

/// Packets with the headers that recvmmsg(2) and sendmmsg(2) want for them. Made once per socket, used for ever.
///
/// Slots from `first` up to `end` are in use.
struct DatagramBatch: ~Copyable {
    let headers: UnsafeMutablePointer<clinux_mmsghdr>
    private let vectors: UnsafeMutablePointer<iovec>
    private let addresses: UnsafeMutablePointer<sockaddr_storage>
    private var packets: [32 of PacketBuffer?]
    private(set) var first: Int
    private var end: Int

    init() {
        let size = UDPSocket.batchSize
        headers = .allocate(capacity: size)
        vectors = .allocate(capacity: size)
        addresses = .allocate(capacity: size)
        headers.initialize(repeating: clinux_mmsghdr(), count: size)
        vectors.initialize(repeating: iovec(), count: size)
        addresses.initialize(repeating: sockaddr_storage(), count: size)
        for index in 0..<size {
            headers[index].msg_hdr.msg_iov = vectors + index
            headers[index].msg_hdr.msg_iovlen = 1
            headers[index].msg_hdr.msg_name = UnsafeMutableRawPointer(addresses + index)
        }
        packets = InlineArray { _ in nil }
        first = 0
        end = 0
    }

    deinit {
        headers.deallocate()
        vectors.deallocate()
        addresses.deallocate()
    }

    var count: Int { end - first }
    var isEmpty: Bool { first == end }
    var isFull: Bool { end == UDPSocket.batchSize && first == 0 }

    mutating func removeAll() {
        dropFirst(count)
    }

    /// Gives the packets of the oldest `count` slots back.
    mutating func dropFirst(_ count: Int) {
        for index in first..<first + count { packets[index] = nil }
        first += count
        if first == end { (first, end) = (0, 0) }
    }

    // MARK: Receiving

    /// Fills the slots with buffers of the pool.
    ///
    /// - Returns: how many there are; fewer than a batch when the pool runs out.
    mutating func prepareReceive(from pool: PacketPool) -> Int {
        (first, end) = (0, 0)
        while end < UDPSocket.batchSize {
            guard var packet = pool.take() else { break }
            let memory = packet.withUnsafeMutableMemory { $0 }
            vectors[end] = iovec(iov_base: memory, iov_len: packet.capacity)
            packets[end] = consume packet
            headers[end].msg_hdr.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
            headers[end].msg_hdr.msg_flags = 0
            end += 1
        }
        return end
    }

    /// Keeps the first `count` slots, which the kernel has filled, and returns the other buffers.
    mutating func finishReceive(count: Int) {
        for index in count..<end { packets[index] = nil }
        end = count
        if end == 0 { first = 0 }
    }

    /// The oldest received packet and its sender. Datagrams that were longer than a slot are passed over: a truncated
    /// one is of no use to anybody.
    mutating func takeFirst() -> Datagram? {
        while first < end {
            let index = first
            first += 1
            var packet = packets[index].take()!
            let isTruncated = headers[index].msg_hdr.msg_flags & MSG_TRUNC.asInt32 != 0
            packet.setCount(Int(headers[index].msg_len))
            if first == end { (first, end) = (0, 0) }
            guard !isTruncated, let source = SocketAddress(&addresses[index]) else { continue }
            return Datagram(packet: packet, source: source)
        }
        return nil
    }

    // MARK: Sending

    mutating func appendForSending(_ packet: consuming PacketBuffer, to destination: SocketAddress) {
        if end == UDPSocket.batchSize, first > 0 { compact() }
        precondition(end < UDPSocket.batchSize, "udp socket: the send batch is full; flush it first")
        var packet = packet
        let memory = packet.withUnsafeMutableMemory { $0 }
        vectors[end] = iovec(iov_base: memory, iov_len: packet.count)
        destination.write(to: &addresses[end])
        headers[end].msg_hdr.msg_namelen = destination.systemSize
        packets[end] = consume packet
        end += 1
    }

    /// Moves what a full send buffer left over to the front.
    private mutating func compact() {
        for index in first..<end {
            let target = index - first
            packets[target] = packets[index].take()
            vectors[target] = vectors[index]
            addresses[target] = addresses[index]
            headers[target].msg_hdr.msg_namelen = headers[index].msg_hdr.msg_namelen
        }
        (first, end) = (0, end - first)
    }
}
