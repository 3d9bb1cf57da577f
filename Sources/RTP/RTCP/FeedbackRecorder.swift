import Primitives

/// Records the arrival of packets with transport-wide sequence numbers and writes the feedback about them
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
struct FeedbackRecorder: Sendable {
    /// How many packets one message reports at most.
    static let maximumCount = 512
    private static let capacity = 8192

    private var unwrapper: SequenceUnwrapper
    /// Arrivals in 250 µs units by sequence number; `sequences` holds the numbers.
    private var arrivals: [Int64]
    private var sequences: [Int64]
    /// The first packet not reported yet.
    private var next: Int64?
    private var highest: Int64
    private var feedbackCount: UInt8

    init() {
        unwrapper = SequenceUnwrapper()
        arrivals = Array(repeating: 0, count: FeedbackRecorder.capacity)
        sequences = Array(repeating: -1, count: FeedbackRecorder.capacity)
        next = nil
        highest = 0
        feedbackCount = 0
    }

    var isEmpty: Bool { next.map { $0 > highest } ?? true }

    mutating func receive(_ sequence: SequenceNumber, now: Instant) {
        let number = unwrapper.unwrap(sequence)
        guard number >= 0 else { return }
        if let next {
            // A late packet is reported when it comes, with everything after it once more.
            if number < next { self.next = max(number, highest - Int64(FeedbackRecorder.maximumCount)) }
        } else {
            next = number
            highest = number
        }
        highest = max(highest, number)
        let slot = Int(number & Int64(FeedbackRecorder.capacity - 1))
        guard sequences[slot] != number else { return }
        sequences[slot] = number
        arrivals[slot] = now.nanoseconds / 250_000
        if highest - (next ?? highest) >= Int64(FeedbackRecorder.capacity) {
            next = highest - Int64(FeedbackRecorder.maximumCount)
        }
    }

    private func arrival(_ sequence: Int64) -> Int64? {
        let slot = Int(sequence & Int64(FeedbackRecorder.capacity - 1))
        return sequences[slot] == sequence ? arrivals[slot] : nil
    }

    /// Writes one message about the packets not reported yet. False when there are none; call again until then.
    mutating func write(into writer: inout ByteWriter, sender: SSRC, media: SSRC) -> Bool {
        guard var base = next, base <= highest else { return false }
        // Losses before the first received packet are reported with the ones behind them.
        let firstReceived = (base...highest).first { arrival($0) != nil }
        guard let firstReceived, let firstArrival = arrival(firstReceived) else {
            next = highest + 1
            return false
        }
        base = max(base, firstReceived - Int64(FeedbackRecorder.maximumCount) / 2)

        // Units of 64 ms are 256 units of 250 µs.
        let reference = firstArrival >> 8
        var count = 0
        var last = reference << 8
        var symbols = InlineArray<512, UInt8>(repeating: 0)
        var sequence = base
        while sequence <= highest, count < FeedbackRecorder.maximumCount {
            if let arrival = arrival(sequence) {
                let delta = arrival - last
                // A delta beyond 16 bits starts another message with its own reference time.
                guard Int64(Int16.min)...Int64(Int16.max) ~= delta else { break }
                symbols[count] = 0...255 ~= delta ? 1 : 2
                last = arrival
            }
            count += 1
            sequence += 1
        }
        // Without a packet received at its end, a message would report as lost what may just be late.
        while count > 0, symbols[count - 1] == 0 { count -= 1 }
        next = base + Int64(count)

        let start = writer.beginRTCP(RTCPPacket.transportLayerType, count: 15)
        writer.write(sender.rawValue)
        writer.write(media.rawValue)
        writer.write(UInt16(truncatingIfNeeded: base))
        writer.write(UInt16(count))
        writer.writeUInt24(UInt32(truncatingIfNeeded: reference) & 0xFF_FFFF)
        writer.write(feedbackCount)
        feedbackCount &+= 1
        writeChunks(symbols, count: count, into: &writer)
        last = reference << 8
        for index in 0..<count where symbols[index] != 0 {
            guard let arrival = arrival(base + Int64(index)) else { continue }
            let delta = arrival - last
            last = arrival
            if symbols[index] == 1 {
                writer.write(UInt8(truncatingIfNeeded: delta))
            } else {
                writer.write(UInt16(truncatingIfNeeded: delta))
            }
        }
        writer.endRTCP(start)
        return true
    }

    private func writeChunks(_ symbols: InlineArray<512, UInt8>, count: Int, into writer: inout ByteWriter) {
        var index = 0
        while index < count {
            var run = 1
            while index + run < count, symbols[index + run] == symbols[index] { run += 1 }
            let isLargeNear = (index..<min(index + 14, count)).contains { symbols[$0] == 2 }
            let vector = isLargeNear ? 7 : 14
            if run >= vector || index + run == count {
                writer.write(UInt16(symbols[index]) << 13 | UInt16(run))
                index += run
                continue
            }
            var chunk: UInt16 = isLargeNear ? 0xC000 : 0x8000
            for place in 0..<min(vector, count - index) {
                let symbol = UInt16(symbols[index + place])
                chunk |= isLargeNear ? symbol << UInt16(12 - 2 * place) : symbol << UInt16(13 - place)
            }
            writer.write(chunk)
            index += vector
        }
    }
}
