import Primitives

/// Makes messages of chunks (RFC 9260 sections 6.5, 6.6 and 6.9).
///
/// Without interleaving the fragments of a message have consecutive numbers, so there is at most one message that is
/// incomplete where everything before has arrived: `partial`. What arrives ahead of a gap is stored; a message that is complete
/// there is delivered at once if it is unordered, or ordered and the next of its stream. When the gap closes, or
/// FORWARD TSN skips it, the stored fragments pass in their order.
///
///     in order ──▶ partial ──▶ completed
///     ahead ─────▶ stored ──┘      ▲ complete, and its turn
///                     └────────────┘
///
/// Where nothing before a message can come any more, its turn has come whatever its number says: no peer makes us hold a message for ever.
struct Reassembly: Sendable {
    private struct Fragment: Sendable {
        var number: Int
        var chunk: DataChunk
        var bytes: [UInt8]
    }

    /// What a stored fragment and a message that nobody has taken cost beside their bytes.
    static let overhead = 64
    /// Around a stored fragment so many others are looked at for the rest of its message: 256 KiB in full packets are 226. A message
    /// of more is delivered when the gap before it is closed.
    private static let maximumSearch = 512

    private let maximumMessageSize: Int
    private var partial: DataChunk?
    private var partialEnd: Int
    /// Its memory stays from message to message.
    private var partialBytes: [UInt8]
    /// By number.
    private var stored: [Fragment]
    private var storedBytes: Int
    /// The next number of each stream, up to the highest stream that was used.
    private var expected: [StreamSequence]
    private var completed: RingBuffer<AssociationMessage>
    private(set) var drops: Counter<SCTPDrop>

    init(maximumMessageSize: Int) {
        self.maximumMessageSize = maximumMessageSize
        partial = nil
        partialEnd = 0
        partialBytes = []
        stored = []
        storedBytes = 0
        expected = []
        completed = RingBuffer(capacity: 8)
        drops = Counter()
    }

    /// Bytes held of messages that are not complete.
    var heldBytes: Int { partialBytes.count + storedBytes }
    var partialSize: Int { partialBytes.count }

    /// The oldest message that is complete; nil when there is none.
    mutating func nextMessage() -> AssociationMessage? { completed.popFirst() }

    /// The chunk behind all others. False when the message becomes larger than was announced.
    mutating func addNext(_ chunk: DataChunk, _ number: Int, _ bytes: Span<UInt8>) -> Bool {
        if chunk.flags.contains(.beginning) {
            discardPartial(as: .messageUnfinished)
            if chunk.flags.contains(.end) {
                guard bytes.count <= maximumMessageSize else { return false }
                pass(chunk, bytes.copied())
                return true
            }
            partial = chunk
        } else {
            guard let begun = partial, partialEnd + 1 == number, Self.belongTogether(begun, chunk) else {
                discardPartial(as: .messageUnfinished)
                drops.add(.fragmentOrphaned)
                return true
            }
        }
        guard partialBytes.count + bytes.count <= maximumMessageSize else { return false }
        partialBytes.append(bytes)
        partialEnd = number
        if chunk.flags.contains(.end), let begun = partial {
            // Exactly as large as the message; the scratch memory stays for the next one.
            let whole = partialBytes.span.copied()
            forgetPartial()
            pass(begun, whole)
        }
        return true
    }

    /// A chunk ahead of a gap.
    mutating func addAhead(_ chunk: DataChunk, _ number: Int, _ bytes: Span<UInt8>) {
        var index = stored.count
        while index > 0, stored[index - 1].number > number { index -= 1 }
        stored.insert(Fragment(number: number, chunk: chunk, bytes: bytes.copied()), at: index)
        storedBytes += bytes.count + Self.overhead
        guard let whole = message(around: index) else { return }
        let first = stored[whole.lowerBound].chunk
        guard chunk.flags.contains(.unordered) || first.sequence == expectedSequence(of: first.stream) else { return }
        deliverStored(whole)
        if !chunk.flags.contains(.unordered) { deliverAhead(of: first.stream) }
    }

    /// All up to `number` has arrived or was skipped: stored fragments pass. False when a message is larger than was announced.
    mutating func passStored(through number: Int) -> Bool {
        guard let first = stored.first, first.number <= number else { return true }
        var count = 0
        while count < stored.count, stored[count].number <= number { count += 1 }
        let passing = Array(stored[..<count])
        stored.removeFirst(count)
        for fragment in passing {
            storedBytes -= fragment.bytes.count + Self.overhead
            guard addNext(fragment.chunk, fragment.number, fragment.bytes.span) else { return false }
        }
        return true
    }

    /// FORWARD TSN (RFC 3758 section 3.6): what was begun up to `number` and needs more from there does not come.
    mutating func skip(through number: Int) {
        if partial != nil, partialEnd < number { forgetPartial() }
    }

    /// FORWARD TSN: the peer gave up the stream's messages up to this one.
    mutating func skip(_ stream: StreamID, through sequence: StreamSequence) {
        guard sequence.distance(from: expectedSequence(of: stream)) >= 0 else { return }
        setExpected(sequence.next, of: stream)
        deliverAhead(of: stream)
    }

    /// The peer's streams begin anew (RFC 6525 section 5.2.2); nil: all of them.
    mutating func reset(_ streams: [StreamID]?) {
        guard let streams else { return expected.removeAll(keepingCapacity: true) }
        for stream in streams where Int(stream.rawValue) < expected.count {
            expected[Int(stream.rawValue)] = .zero
        }
    }

    // MARK: Parts

    private static func belongTogether(_ a: DataChunk, _ b: DataChunk) -> Bool {
        a.stream == b.stream && a.flags.contains(.unordered) == b.flags.contains(.unordered)
            && (a.flags.contains(.unordered) || a.sequence == b.sequence)
    }

    private mutating func discardPartial(as drop: SCTPDrop) {
        guard partial != nil else { return }
        drops.add(drop)
        forgetPartial()
    }

    private mutating func forgetPartial() {
        partial = nil
        partialBytes.removeAll(keepingCapacity: partialBytes.capacity <= maximumMessageSize)
    }

    private func expectedSequence(of stream: StreamID) -> StreamSequence {
        Int(stream.rawValue) < expected.count ? expected[Int(stream.rawValue)] : .zero
    }

    private mutating func setExpected(_ sequence: StreamSequence, of stream: StreamID) {
        let index = Int(stream.rawValue)
        if index >= expected.count {
            expected.append(contentsOf: repeatElement(.zero, count: index + 1 - expected.count))
        }
        expected[index] = sequence
    }

    /// A message before which nothing can come any more.
    private mutating func pass(_ chunk: DataChunk, _ bytes: [UInt8]) {
        guard !chunk.flags.contains(.unordered) else { return complete(chunk, bytes) }
        let distance = chunk.sequence.distance(from: expectedSequence(of: chunk.stream))
        guard distance >= 0 else { return drops.add(.messageOutdated) }
        if distance > 0 { drops.add(.streamSequenceSkipped) }
        setExpected(chunk.sequence.next, of: chunk.stream)
        complete(chunk, bytes)
        if !stored.isEmpty { deliverAhead(of: chunk.stream) }
    }

    private mutating func complete(_ chunk: DataChunk, _ bytes: [UInt8]) {
        completed.append(
            AssociationMessage(
                stream: chunk.stream, payloadProtocol: chunk.payloadProtocol,
                isUnordered: chunk.flags.contains(.unordered), bytes: bytes))
    }

    /// The stored fragments of a complete message to which the one at `index` belongs.
    private func message(around index: Int) -> Range<Int>? {
        var first = index
        var size = stored[index].bytes.count
        func isBroken(_ a: Int, _ b: Int) -> Bool {
            stored[a].number + 1 != stored[b].number || !Self.belongTogether(stored[a].chunk, stored[b].chunk)
                || size > maximumMessageSize
        }
        while !stored[first].chunk.flags.contains(.beginning) {
            guard first > 0, index - first < Self.maximumSearch, !isBroken(first - 1, first),
                !stored[first - 1].chunk.flags.contains(.end)
            else { return nil }
            first -= 1
            size += stored[first].bytes.count
        }
        var last = index
        while !stored[last].chunk.flags.contains(.end) {
            guard last + 1 < stored.count, last - index < Self.maximumSearch, !isBroken(last, last + 1),
                !stored[last + 1].chunk.flags.contains(.beginning)
            else { return nil }
            last += 1
            size += stored[last].bytes.count
        }
        return size <= maximumMessageSize ? first..<last + 1 : nil
    }

    private mutating func deliverStored(_ whole: Range<Int>) {
        let chunk = stored[whole.lowerBound].chunk
        var bytes = stored[whole.lowerBound].bytes
        for index in whole.dropFirst() { bytes.append(contentsOf: stored[index].bytes) }
        for index in whole { storedBytes -= stored[index].bytes.count + Self.overhead }
        stored.removeSubrange(whole)
        if !chunk.flags.contains(.unordered) { setExpected(chunk.sequence.next, of: chunk.stream) }
        complete(chunk, bytes)
    }

    /// The stored messages of a stream whose turn has come.
    private mutating func deliverAhead(of stream: StreamID) {
        var index = 0
        while index < stored.count {
            let chunk = stored[index].chunk
            if chunk.stream == stream, chunk.flags.isSuperset(of: .beginning), !chunk.flags.contains(.unordered),
                chunk.sequence == expectedSequence(of: stream), let whole = message(around: index)
            {
                deliverStored(whole)
                index = whole.lowerBound
            } else {
                index += 1
            }
        }
    }
}
