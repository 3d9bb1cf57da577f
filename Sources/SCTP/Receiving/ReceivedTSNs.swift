import Primitives

/// Which transmission sequence numbers have arrived: all up to one, and ranges ahead of it (RFC 9260 section 6.2.1).
///
/// Numbers are unwrapped here, so that they only grow.
struct ReceivedTSNs: Sendable {
    enum Place: Sendable { case next, ahead, duplicate, beyond }

    /// A gap block's offsets have 16 bits; nothing is tracked beyond.
    static let maximumDistance = 65_535
    /// More pieces than a peer leaves that obeys its congestion window.
    static let maximumRanges = 512

    /// All numbers up to this one have arrived or were skipped.
    private(set) var cumulative: Int
    /// Sorted, apart from each other by at least one number, the first of which is not next to `cumulative`.
    private var ranges: [ClosedRange<Int>]

    init(initial: TSN) {
        cumulative = Int(initial.rawValue) - 1
        ranges = []
    }

    var cumulativeTSN: TSN { TSN(UInt32(truncatingIfNeeded: cumulative)) }
    var hasGaps: Bool { !ranges.isEmpty }
    /// The highest number that arrived.
    var highest: Int { ranges.last?.upperBound ?? cumulative }

    func unwrap(_ tsn: TSN) -> Int { cumulative + tsn.distance(from: cumulativeTSN) }

    func place(of number: Int) -> Place {
        if number <= cumulative { return .duplicate }
        if number == cumulative + 1 { return .next }
        guard number - cumulative <= Self.maximumDistance else { return .beyond }
        let index = firstRange(endingAtOrAfter: number)
        if index < ranges.count, ranges[index].contains(number) { return .duplicate }
        let touches =
            index > 0 && ranges[index - 1].upperBound + 1 == number
            || index < ranges.count && ranges[index].lowerBound - 1 == number
        return touches || ranges.count < Self.maximumRanges ? .ahead : .beyond
    }

    /// Notes a number whose place is `next` or `ahead`.
    mutating func insert(_ number: Int) {
        if number == cumulative + 1 { return advance(to: number) }
        let index = firstRange(endingAtOrAfter: number)
        let joinsBefore = index > 0 && ranges[index - 1].upperBound + 1 == number
        let joinsAfter = index < ranges.count && ranges[index].lowerBound - 1 == number
        switch (joinsBefore, joinsAfter) {
        case (true, true):
            ranges[index - 1] = ranges[index - 1].lowerBound...ranges[index].upperBound
            ranges.remove(at: index)
        case (true, false): ranges[index - 1] = ranges[index - 1].lowerBound...number
        case (false, true): ranges[index] = number...ranges[index].upperBound
        case (false, false): ranges.insert(number...number, at: index)
        }
    }

    /// Takes all up to `number` as arrived, and what follows it without a gap.
    mutating func advance(to number: Int) {
        cumulative = max(cumulative, number)
        var passed = 0
        while passed < ranges.count, ranges[passed].lowerBound <= cumulative + 1 {
            cumulative = max(cumulative, ranges[passed].upperBound)
            passed += 1
        }
        if passed > 0 { ranges.removeFirst(passed) }
    }

    private func firstRange(endingAtOrAfter number: Int) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The SACK chunk (RFC 9260 section 3.3.4) in at most `size` bytes; what has no room is told in a later one.
    func writeSACK(window: Int, duplicates: [TSN], size: Int, into writer: inout ByteWriter) {
        let room = max(0, (size - 16) / 4)
        let gaps = min(ranges.count, room)
        let repeated = min(duplicates.count, room - gaps)
        writer.writeChunk(.sack) { writer in
            writer.write(cumulativeTSN.rawValue)
            writer.write(UInt32(truncatingIfNeeded: window))
            writer.write(UInt16(truncatingIfNeeded: gaps))
            writer.write(UInt16(truncatingIfNeeded: repeated))
            for range in ranges[..<gaps] {
                writer.write(UInt16(truncatingIfNeeded: range.lowerBound - cumulative))
                writer.write(UInt16(truncatingIfNeeded: min(range.upperBound - cumulative, Self.maximumDistance)))
            }
            for duplicate in duplicates[..<repeated] { writer.write(duplicate.rawValue) }
        }
    }
}
