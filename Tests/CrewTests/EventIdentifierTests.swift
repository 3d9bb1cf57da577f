import Primitives
import Testing

@testable import Crew

@Suite struct IdentifierAndTimeTests {
    @Test func identifiersAreVersionSevenAndOrdered() {
        var identifiers = EventIdentifiers(random: .seeded(3))
        let time = WallClock(nanosecondsSince1970: 1_645_557_742_000_000_000)
        var previous = ""
        for step in 0..<5000 {
            // The clock stands still, advances, and once jumps back by a day.
            let at = step < 4000 ? time + .milliseconds(step / 1000) : time + .seconds(-86_400)
            let id = identifiers.next(at: at)
            #expect(id.count == 36)
            #expect(id > previous)
            #expect(id[id.index(id.startIndex, offsetBy: 14)] == "7")
            #expect("89ab".contains(id[id.index(id.startIndex, offsetBy: 19)]))
            previous = id
        }
        // The time of RFC 9562's example A.6 is 017F22E2-79B0.
        var other = EventIdentifiers(random: .seeded(1))
        #expect(other.next(at: time).hasPrefix("017f22e2-79b0-7"))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
    ])
    func timeAsText(milliseconds: Int64, text: String) {
        let time = WallClock(nanosecondsSince1970: milliseconds * 1_000_000)
        #expect(time.text == text)
        #expect(WallClock(text: text) == time)
    }

    @Test func timesWithOffsetsAndFractions() {
        #expect(WallClock(text: "1970-01-01T02:00:00+02:00") == WallClock(secondsSince1970: 0))
        #expect(WallClock(text: "1970-01-01T00:00:00.5Z") == WallClock(nanosecondsSince1970: 500_000_000))
        #expect(WallClock(text: "1969-12-31T19:00:00-05:00") == WallClock(secondsSince1970: 0))
    }

    @Test(arguments: [
        "", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00+2:00", "x970-01-01T00:00:00Z",
    ])
    func notTimes(text: String) {
        #expect(WallClock(text: text) == nil)
    }
}
