public import Primitives

/// A transport-wide feedback message (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1): which packets
/// arrived, and when, to a quarter of a millisecond.
///
/// ```
///  |      base sequence number     |      packet status count      |
///  |                 reference time                | fb pkt. count |
///  |          packet chunk         |         packet chunk          |  …
///  |         recv delta            |         recv delta            |  …
/// ```
public struct TransportFeedback: ~Escapable {
    /// The most packets one message may speak of. The format allows 65,535, which no sender of ours can reach.
    static let maximumStatusCount = 16_384
    /// Microseconds in a unit of the reference time and of a delta.
    static let referenceUnit: Int64 = 64_000
    static let deltaUnit: Int64 = 250

    /// The source that the message names; it speaks of all packets of the transport.
    public let media: SSRC
    /// The first packet that it speaks of.
    public let base: SequenceNumber
    /// How many packets it speaks of, `base` included.
    public let statusCount: Int
    /// Signed 24 bits, in 64 ms.
    public let referenceTime: Int32
    /// Grows by one with each message; a gap is a lost message.
    public let feedbackCount: UInt8
    /// Chunks, then deltas.
    private let contents: Span<UInt8>

    @_lifetime(copy reader)
    init(media: SSRC, reader: inout ByteReader) throws(ByteReaderError) {
        self.media = media
        base = SequenceNumber(try reader.readUInt16())
        statusCount = Int(try reader.readUInt16())
        referenceTime = Int32(bitPattern: try reader.readUInt24() << 8) >> 8
        feedbackCount = try reader.readUInt8()
        contents = reader.readRemaining()
    }

    /// Appends one entry for each packet the message speaks of. `reference` follows the reference times of one
    /// transport's messages, so that arrivals of all of them are on one scale. The message came at `now`.
    ///
    /// - Throws: `RTPError.malformedPayload` when chunks or deltas end early, or when the receiver's clock has leapt since
    ///   the last message; nothing is appended then.
    public func read(
        into arrivals: inout [PacketArrival], following reference: inout ReferenceTime, now: Instant
    ) throws(RTPError) {
        guard statusCount <= TransportFeedback.maximumStatusCount else { throw .malformedPayload }
        guard reference.isPlausible(referenceTime, now: now) else {
            // A clock that was set anew goes on from where it is now.
            reference.beginAnew(referenceTime, now: now)
            throw .malformedPayload
        }
        let start = arrivals.count
        var delta = try firstDelta()
        var chunk = 0
        var remaining = statusCount
        var sequence = base.rawValue
        // Checked only; kept below when the message is sound.
        var time = reference.unwrapped(referenceTime) * TransportFeedback.referenceUnit
        while remaining > 0 {
            let value = contents.uint16(chunk)
            chunk += 2
            let symbols = ChunkSymbols(value)
            for index in 0..<min(symbols.count, remaining) {
                var arrival: Instant?
                switch symbols[index] {
                case 0: break
                case 1:
                    guard delta + 1 <= contents.count else { return try fail(&arrivals, start) }
                    time += Int64(contents[delta]) * TransportFeedback.deltaUnit
                    delta += 1
                    arrival = Instant(nanoseconds: time * 1000)
                case 2:
                    guard delta + 2 <= contents.count else { return try fail(&arrivals, start) }
                    time += Int64(Int16(bitPattern: contents.uint16(delta))) * TransportFeedback.deltaUnit
                    delta += 2
                    arrival = Instant(nanoseconds: time * 1000)
                default: return try fail(&arrivals, start)
                }
                arrivals.append(PacketArrival(sequence: SequenceNumber(sequence), arrival: arrival))
                sequence &+= 1
            }
            remaining -= min(symbols.count, remaining)
        }
        reference.accept(referenceTime, now: now)
    }

    private func fail(_ arrivals: inout [PacketArrival], _ start: Int) throws(RTPError) {
        arrivals.removeSubrange(start...)
        throw .malformedPayload
    }

    /// Where the deltas begin: behind the chunks, whose number only their contents tell.
    private func firstDelta() throws(RTPError) -> Int {
        var at = 0
        var remaining = statusCount
        while remaining > 0 {
            guard at + 2 <= contents.count else { throw .malformedPayload }
            remaining -= ChunkSymbols(contents.uint16(at)).count
            at += 2
        }
        return at
    }
}

/// Follows the 24-bit reference times of a transport's feedback messages over their wrap, every 12 days.
///
/// The receiver's clock and ours run alike: what goes further than ours did, or back, or stands still, was made up or
/// began anew. Following leaps message after message would lead to times that no arithmetic holds, and of a clock that
/// stands still nothing can be measured.
public struct ReferenceTime: Hashable, Sendable {
    /// How far the two clocks may part, over one message or over many: messages wait in queues, and receivers take their
    /// time.
    static let tolerance: Duration = .seconds(60)
    /// What is forgiven as time goes by, as a share of it: more than any two crystals part.
    private static let drift: Int64 = 1000
    /// 64 ms each: farther than any session lasts, and nanoseconds still fit.
    private static let range = Int64(-1) << 36...1 << 36

    private var last: Int64?
    private var lastAt: Instant
    /// How far the receiver's clock has gone ahead of ours so far.
    private var parted: Duration
    /// Whether the clock has moved since it was last found implausible: a clock that stands still is not believed a second time.
    private var isMoving: Bool

    /// Nothing seen yet: the first message sets the scale.
    public init() {
        last = nil
        lastAt = .zero
        parted = .zero
        isMoving = true
    }

    /// Whether a message that came at `now` may carry this time.
    func isPlausible(_ wire: Int32, now: Instant) -> Bool {
        guard let last else { return true }
        let time = unwrapped(wire)
        let parted = parting(time, now: now)
        return parted <= ReferenceTime.tolerance && parted >= .zero - ReferenceTime.tolerance
            && ReferenceTime.range.contains(time) && (isMoving || time > last)
    }

    /// How far the clocks have parted when the receiver's shows `time`.
    private func parting(_ time: Int64, now: Instant) -> Duration {
        guard let last else { return .zero }
        let here = now - lastAt
        let there = Duration.nanoseconds((time - last) * TransportFeedback.referenceUnit * 1000)
        let forgiven = here / ReferenceTime.drift
        let sum = parted + there - here
        return sum > .zero ? max(.zero, sum - forgiven) : min(.zero, sum + forgiven)
    }

    /// In units of 64 ms.
    func unwrapped(_ wire: Int32) -> Int64 {
        guard let last else { return Int64(wire) }
        // The difference modulo 2^24, with its sign.
        let difference = Int32(truncatingIfNeeded: Int64(wire) &- last) << 8
        return last + Int64(difference >> 8)
    }

    mutating func accept(_ wire: Int32, now: Instant) {
        let time = unwrapped(wire)
        parted = parting(time, now: now)
        last = time
        lastAt = now
        isMoving = true
    }

    /// A message was not plausible: the next one is measured by it.
    mutating func beginAnew(_ wire: Int32, now: Instant) {
        last = Int64(wire)
        lastAt = now
        parted = .zero
        isMoving = false
    }
}

/// The packet statuses of one chunk (section 3.1.3 and 3.1.4): 0 not received, 1 small delta, 2 large or negative
/// delta, 3 reserved.
struct ChunkSymbols {
    let value: UInt16

    init(_ value: UInt16) { self.value = value }

    var count: Int {
        if value & 0x8000 == 0 { return Int(value & 0x1FFF) }
        return value & 0x4000 == 0 ? 14 : 7
    }

    subscript(index: Int) -> UInt8 {
        if value & 0x8000 == 0 { return UInt8(value >> 13 & 3) }
        if value & 0x4000 == 0 { return UInt8(value >> UInt16(13 - index) & 1) }
        return UInt8(value >> UInt16(12 - 2 * index) & 3)
    }
}
