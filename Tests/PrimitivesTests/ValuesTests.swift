import Primitives
import Testing

@Suite struct ValuesTests {
    @Test func sequenceNumbersWrap() {
        #expect(SequenceNumber(0).isNewer(than: SequenceNumber(65_535)))
        #expect(!SequenceNumber(65_535).isNewer(than: SequenceNumber(0)))
        #expect(SequenceNumber(5).distance(from: SequenceNumber(65_530)) == 11)
        var unwrapper = SequenceUnwrapper()
        #expect(unwrapper.unwrap(SequenceNumber(65_534)) == 65_534)
        #expect(unwrapper.unwrap(SequenceNumber(1)) == 65_537)
        #expect(unwrapper.unwrap(SequenceNumber(65_535)) == 65_535)
        #expect(unwrapper.unwrap(SequenceNumber(2)) == 65_538)
    }

    @Test func ringBuffersGrowAndWrap() {
        var ring = RingBuffer<Int>(capacity: 2)
        for value in 0..<5 { ring.append(value) }
        #expect(ring.popFirst() == 0)
        for value in 5..<9 { ring.append(value) }
        #expect(ring.count == 8)
        #expect(ring[0] == 1 && ring[7] == 8 && ring.first == 1 && ring.last == 8)
        for value in 1...8 { #expect(ring.popFirst() == value) }
        #expect(ring.popFirst() == nil && ring.isEmpty)
    }

    @Test func ratesAndSizes() {
        #expect(Bitrate.kilobits(1000) * .seconds(2) == DataSize(bytes: 250_000))
        #expect(DataSize(bytes: 1250) / .milliseconds(10) == .kilobits(1000))
        #expect(DataSize(bytes: 1250) / Bitrate.kilobits(1000) == .milliseconds(10))
    }

    @Test func instants() {
        let start = Instant.zero
        #expect(start + .milliseconds(1500) - start == .milliseconds(1500))
        #expect(Duration.milliseconds(1500).seconds == 1.5)
        #expect(Instant(nanoseconds: 5) < Instant(nanoseconds: 6))
    }

    @Test func ntpTime() {
        // 1970-01-01 is 2,208,988,800 s after 1900-01-01 (RFC 868).
        // 9999-12-31T23:59:59Z, a certificate's "no end".
        #expect(WallClock(secondsSince1970: 253_402_300_799) > WallClock(secondsSince1970: 9_000_000_000))
        #expect(WallClock(secondsSince1970: .min) < WallClock(secondsSince1970: -9_000_000_000))
        #expect(WallClock(secondsSince1970: 0).ntp >> 32 == 2_208_988_800)
        #expect(WallClock(nanosecondsSince1970: 500_000_000).ntp & 0xFFFF_FFFF == 0x8000_0000)
    }

    @Test func redactedStaysRedacted() {
        let secret = Redacted("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect("\(secret) \(String(reflecting: secret)) \(dumped)".contains("hunter2") == false)
        #expect(secret.unredacted == "hunter2")
    }

    @Test func seedsRepeatThemselves() {
        var first = RandomSource.seeded(42)
        var second = RandomSource.seeded(42)
        let values = (0..<5).map { _ in first.next() }
        #expect(values == (0..<5).map { _ in second.next() })
        #expect(Set(values).count == 5)
    }

    @Test func wakesCompare() {
        let early = Wake(at: Instant(nanoseconds: 1), reason: .pacer)
        let late = Wake(at: Instant(nanoseconds: 2), reason: .iceCheck)
        #expect(Wake.earliest(early, late) == early && Wake.earliest(late, early) == early)
        #expect(Wake.earliest(nil, late) == late && Wake.earliest(nil, nil) == nil)
    }
}
