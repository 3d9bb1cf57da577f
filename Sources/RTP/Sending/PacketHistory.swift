import Primitives

/// The packets of one send stream, from packetizing until they are too old to be asked for again: one ring that is
/// allocated once and holds each packet's payload once. What waits for the pacer and what may be retransmitted is the
/// same memory, so a frame is copied exactly once between encoder and socket buffer.
///
/// A packet's slot is its sequence number modulo the capacity, a power of two.
struct PacketHistory: Sendable {
    struct Entry: Sendable {
        var sequence: SequenceNumber
        var timestamp: UInt32
        var captureTime: Instant
        var packetizedAt: Instant
        var size: Int
        var hasMarker: Bool
        var startsFrame: Bool
        var endsFrame: Bool
        var isKeyframe: Bool
        /// When it was first sent; nil while it waits.
        var firstSent: Instant?
        /// When it was last sent, the first time included.
        var lastSent: Instant?
        var retransmissions: Int
        /// When it was last granted a retransmission that has not been written since.
        var retransmissionGranted: Instant?
    }

    let capacity: Int
    let slotSize: Int
    private var entries: [Entry?]
    private var bytes: [UInt8]

    init(capacity: Int, slotSize: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "packet history: capacity is no power of two")
        self.capacity = capacity
        self.slotSize = slotSize
        entries = Array(repeating: nil, count: capacity)
        bytes = Array(repeating: 0, count: capacity * slotSize)
    }

    private func slot(_ sequence: SequenceNumber) -> Int { Int(sequence.rawValue) & (capacity - 1) }

    /// What is known of a packet; nil when it was never there or has been overwritten.
    subscript(sequence: SequenceNumber) -> Entry? {
        guard let entry = entries[slot(sequence)], entry.sequence == sequence else { return nil }
        return entry
    }

    mutating func update(_ entry: Entry) { entries[slot(entry.sequence)] = entry }

    /// Stores a packet: `descriptor` and then `range` of `frame`.
    mutating func insert(
        _ entry: Entry, descriptor: PayloadDescriptor, frame: Span<UInt8>, range: Range<Int>
    ) {
        let size = descriptor.size + range.count
        precondition(size <= slotSize, "packet history: payload larger than its slot")
        let slot = slot(entry.sequence)
        let start = slot * slotSize
        var writer = ByteWriter(bytes.mutableSpan, count: start)
        descriptor.write(into: &writer)
        writer.write(frame.extracting(range))
        var entry = entry
        entry.size = size
        entries[slot] = entry
    }

    /// The payload of a packet that is there.
    @_lifetime(borrow self)
    func payload(of entry: Entry) -> Span<UInt8> {
        let start = slot(entry.sequence) * slotSize
        return bytes.span.extracting(start..<start + entry.size)
    }
}
