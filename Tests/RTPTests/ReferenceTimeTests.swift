import Primitives
import Testing

@testable import RTP

@Suite("The receiver's clock in transport-wide feedback")
struct ReferenceTimeTests {
    private var session = RTPSession(.init(cname: "kiosk", ntp: .test, usesReducedSize: true), random: .seeded(1))

    /// A message whose reference time is `reference` modulo 2^24, about one packet that arrived then, or about none.
    private static func message(_ reference: Int64, hasPacket: Bool = true) -> [UInt8] {
        let count: UInt8 = hasPacket ? 1 : 0
        return [0x8F, 205, 0, hasPacket ? 5 : 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, count]
            + [16, 8, 0].map { UInt8(truncatingIfNeeded: reference >> $0) } + [0]
            + (hasPacket ? [0x20, 1, 0, 0] : [])
    }

    /// The arrival that a message tells, in units of the reference time.
    private mutating func arrival(_ bytes: [UInt8], now: Instant) -> Int64? {
        session.handleRTCP(bytes.span, now: now)
        return session.packetArrivals.first?.arrival.map { $0.nanoseconds / 64_000_000 }
    }

    @Test("Leaps add up to nothing", arguments: [8_388_607, -8_388_607] as [Int64])
    func leaps(step: Int64) {
        var copy = self
        // As many as overflowed what nanoseconds hold.
        for index in 1...20_000 as ClosedRange<Int64> {
            _ = copy.arrival(Self.message(step * index, hasPacket: false), now: .ms(index))
        }
        #expect(copy.session.dropped[.malformedReport] >= 10_000)
        for index in 20_001...20_010 as ClosedRange<Int64> {
            guard let time = copy.arrival(Self.message(step * index), now: .ms(index)) else { continue }
            #expect(abs(time) < 1 << 25)
        }
    }

    @Test("A clock that was set anew is followed from the second message on")
    func setAnew() {
        var copy = self
        let seen = [(100_000, 0), (10, 64), (11, 128), (12, 192)].map {
            copy.arrival(Self.message($0), now: .ms($1))
        }
        #expect(seen == [100_000, nil, 11, 12])
        #expect(copy.session.dropped[.malformedReport] == 1)
    }

    @Test("A clock that stands still is not believed for longer than a minute, and again when it moves")
    func standsStill() {
        var copy = self
        let step: Int64 = 50
        let seen = (0..<6000 as Range<Int64>).map { copy.arrival(Self.message(1000), now: .ms($0 * step)) }
        let believed = seen.prefix { $0 != nil }.count
        #expect((1200...1202).contains(believed))
        #expect(!seen.dropFirst(believed).contains { $0 != nil })
        #expect(copy.session.dropped[.malformedReport] == UInt64(seen.count - believed))
        let later = [1001, 1002].map { copy.arrival(Self.message($0), now: .ms(300_000 + ($0 - 1000) * 64)) }
        #expect(later == [1001, 1002])
    }

    @Test("A clock that crawls is found out as well")
    func crawls() {
        var copy = self
        // A second of it is two of ours.
        for index in 0..<3000 as Range<Int64> { _ = copy.arrival(Self.message(index), now: .ms(index * 128)) }
        #expect(copy.session.dropped[.malformedReport] >= 3)
    }

    @Test("Clocks that part as crystals do are believed for a week", arguments: [-300, 300] as [Int64])
    func drifts(partsPerMillion: Int64) {
        var copy = self
        for second in stride(from: 0, to: 7 * 86_400 as Int64, by: 20) {
            let there = second * 1000 + second * partsPerMillion / 1000
            _ = copy.arrival(Self.message(there / 64), now: .ms(second * 1000))
        }
        #expect(copy.session.dropped[.malformedReport] == 0)
    }

    @Test("Silence is no leap, however long, and neither are messages that waited")
    func silence() {
        var copy = self
        // An hour without media; then fifty seconds in a queue, and all at once.
        let messages: [(reference: Int64, at: Int64)] = [
            (1000, 0), (57_250, 3_600_000), (57_251, 3_650_000), (58_032, 3_650_001),
        ]
        let seen = messages.map { copy.arrival(Self.message($0.reference), now: .ms($0.at)) }
        #expect(seen == messages.map(\.reference))
        #expect(copy.session.dropped[.malformedReport] == 0)
    }
}

@Suite("Requests for lost packets")
struct NackGeneratorTests {
    @Test("Ten times at most, once per round trip")
    func tenTimes() {
        var nack = NackGenerator()
        let isTaken = nack.noteGap(5..<6, now: .zero)
        #expect(isTaken)
        var asked = 0
        for round in 0..<40 as Range<Int64> {
            var items: [NackItem] = []
            nack.requests(into: &items, limit: 16, now: .ms(round * 50))
            asked += items.count
        }
        #expect(asked == NackGenerator.maximumRequests)
        #expect(nack.isEmpty && nack.nextRequest == nil)
    }
}
