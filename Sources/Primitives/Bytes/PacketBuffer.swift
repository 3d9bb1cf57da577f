import Synchronization

/// One datagram's memory: taken from a `PacketPool`, given back when it goes out of scope.
///
/// Room beyond `count` lets SRTP append its trailer in place. Move it; there is no copy.
public struct PacketBuffer: ~Copyable, @unchecked Sendable {
    // Unique ownership of the slot makes sending it across threads sound, though a raw pointer is not Sendable.
    private let memory: UnsafeMutablePointer<UInt8>
    /// Bytes of memory, room for a trailer included.
    public let capacity: Int
    /// How many bytes are in use, 0 … capacity.
    public private(set) var count: Int
    private let pool: PacketPool?
    private let slot: Int

    fileprivate init(slot: Int, memory: UnsafeMutablePointer<UInt8>, pool: PacketPool) {
        self.memory = memory
        self.slot = slot
        capacity = PacketPool.slotSize
        self.count = 0
        self.pool = pool
    }

    /// A buffer outside any pool.
    public init(capacity: Int) {
        memory = .allocate(capacity: capacity)
        memory.initialize(repeating: 0, count: capacity)
        self.capacity = capacity
        count = 0
        pool = nil
        slot = 0
    }

    /// A buffer outside any pool that holds `bytes`, with room for a trailer.
    public init(_ bytes: [UInt8]) {
        self.init(capacity: bytes.count + 64)
        append(bytes.span)
    }

    deinit {
        if let pool { pool.giveBack(slot) } else { memory.deallocate() }
    }

    /// Declares how many bytes are in use, after a write through the pointer; traps beyond the capacity.
    public mutating func setCount(_ count: Int) {
        precondition(count >= 0 && count <= capacity, "packet buffer: count beyond capacity")
        self.count = count
    }

    /// Makes it empty; the memory keeps what was in it.
    public mutating func removeAll() { count = 0 }

    /// Moves the bytes in `range` to the front and forgets the others: takes a payload out of its framing.
    public mutating func keep(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "packet buffer: range beyond the contents")
        memory.update(from: memory + range.lowerBound, count: range.count)
        count = range.count
    }

    /// Makes room for `header` bytes before the contents and for `trailer` zeros behind them. False, and nothing changed, when
    /// that does not fit.
    public mutating func prepend(_ header: Int, appending trailer: Int) -> Bool {
        precondition(header >= 0 && trailer >= 0, "packet buffer: room of negative size")
        guard header + count + trailer <= capacity else { return false }
        (memory + header).update(from: memory, count: count)
        (memory + header + count).update(repeating: 0, count: trailer)
        count += header + trailer
        return true
    }

    /// The bytes in use.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let span = unsafe Span(_unsafeStart: memory, count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes in use, for changes in place.
    public var mutableBytes: MutableSpan<UInt8> {
        @_lifetime(&self)
        mutating get {
            let span = unsafe MutableSpan(_unsafeStart: memory, count: count)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Appends what `body` writes. Returns false, with `count` as it was, when it did not fit.
    @discardableResult
    public mutating func write(_ body: (inout ByteWriter) -> Void) -> Bool {
        let span = unsafe MutableSpan(_unsafeStart: memory, count: capacity)
        var writer = ByteWriter(span, count: count)
        body(&writer)
        guard !writer.overflowed else { return false }
        count = writer.count
        return true
    }

    /// Copies the bytes behind those in use; traps beyond the capacity.
    public mutating func append(_ source: Span<UInt8>) {
        precondition(count + source.count <= capacity, "packet buffer: append beyond capacity")
        unsafe source.withUnsafeBufferPointer { buffer in
            if let base = buffer.baseAddress {
                unsafe (memory + count).update(from: base, count: buffer.count)
            }
        }
        count += source.count
    }

    /// The whole slot for a C call that reads or writes it; follow a write with `setCount`.
    public mutating func withUnsafeMutableMemory<R, E: Error>(
        _ body: (UnsafeMutableRawPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeMutableRawPointer(memory))
    }
}

/// A fixed number of equal slots for datagrams, made once: no allocation per packet.
public final class PacketPool: Sendable {
    /// Bytes of one slot: more than any datagram on a 1,500-byte path, with SRTP's trailer.
    public static let slotSize = 2048

    private let free: Mutex<[Int]>
    private nonisolated(unsafe) let slab: UnsafeMutablePointer<UInt8>
    /// How many packets can be on their way at once.
    public let slotCount: Int

    /// Takes all of the memory at once: `slotCount` times `slotSize` bytes.
    public init(slotCount: Int) {
        slab = .allocate(capacity: slotCount * PacketPool.slotSize)
        slab.initialize(repeating: 0, count: slotCount * PacketPool.slotSize)
        free = Mutex(Array(0..<slotCount))
        self.slotCount = slotCount
    }

    deinit { slab.deallocate() }

    /// A slot, or nil when all are in use: the caller drops the packet and counts it.
    public func take() -> PacketBuffer? {
        guard let slot = free.withLock({ $0.popLast() }) else { return nil }
        return PacketBuffer(slot: slot, memory: slab + slot * PacketPool.slotSize, pool: self)
    }

    /// Slots in use now; zero after a session's end.
    public var outstanding: Int { slotCount - free.withLock { $0.count } }

    fileprivate func giveBack(_ slot: Int) {
        // Popping left the array's capacity, so this append never allocates.
        free.withLock { $0.append(slot) }
    }
}

/// Where a datagram goes: the local socket that sends it, and the address that it is sent to. Its bytes are in the caller's buffer.
public struct Transmit: Hashable, Sendable {
    /// The local address whose socket must be used (the ICE base).
    public var source: SocketAddress
    /// The receiver's address.
    public var destination: SocketAddress
    /// UDP, but for a TURN server behind a stream: there the bytes are a frame of the stream between the two.
    public var transport: TransportProtocol

    /// Nothing is checked.
    @inlinable public init(
        source: SocketAddress, destination: SocketAddress, transport: TransportProtocol = .udp
    ) {
        self.source = source
        self.destination = destination
        self.transport = transport
    }
}

/// What carries bytes between two transport addresses.
public enum TransportProtocol: String, Sendable, CaseIterable {
    case udp, tcp, tls
}
