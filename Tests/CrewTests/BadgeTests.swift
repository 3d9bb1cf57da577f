import AgentSettings
import CInput
import Database
import Primitives
import Signaling
import Testing

@testable import Crew

@Suite struct BadgeTests {
    private static let digits: [Character: Int32] = [
        "1": KEY_1, "2": KEY_2, "3": KEY_3, "4": KEY_4, "5": KEY_5, "6": KEY_6, "7": KEY_7, "8": KEY_8, "9": KEY_9,
        "0": KEY_0, "c": KEY_C, "-": KEY_MINUS, "\n": KEY_ENTER,
    ]

    private func type(
        _ text: String, into keys: inout BadgeKeys, at start: Instant, every pause: Duration
    ) -> [BadgeKeys.Line] {
        var lines: [BadgeKeys.Line] = []
        var now = start
        for character in text {
            let code = UInt16(BadgeTests.digits[character]!)
            for value: Int32 in [1, 2, 0] {
                if let line = keys.handle(.init(type: UInt16(EV_KEY), code: code, value: value, at: now)) {
                    lines.append(line)
                }
                _ = keys.handle(.init(type: UInt16(EV_SYN), code: 0, value: 0, at: now))
            }
            now += pause
        }
        return lines
    }

    @Test func aReaderTypesLines() {
        var keys = BadgeKeys()
        #expect(
            type("4711\n0815\n\n", into: &keys, at: .zero, every: .milliseconds(8)) == [.whole("4711"), .whole("0815")])
    }

    @Test func shiftedLettersAndTheNumberPad() {
        var keys = BadgeKeys()
        let press: (inout BadgeKeys, Int32, Int32) -> BadgeKeys.Line? = {
            $0.handle(.init(type: UInt16(EV_KEY), code: UInt16($1), value: $2, at: .zero))
        }
        #expect(press(&keys, KEY_LEFTSHIFT, 1) == nil)
        #expect(press(&keys, KEY_A, 1) == nil)
        #expect(press(&keys, KEY_LEFTSHIFT, 0) == nil)
        for code in [KEY_B, KEY_KP5, KEY_KP0, KEY_KPDOT, KEY_SLASH] { #expect(press(&keys, code, 1) == nil) }
        #expect(press(&keys, KEY_KPENTER, 1) == .whole("Ab50./"))
    }

    private func press(_ codes: [Int32], into keys: inout BadgeKeys) -> [BadgeKeys.Line] {
        codes.compactMap { code in
            // Negative: let go.
            keys.handle(.init(type: UInt16(EV_KEY), code: UInt16(abs(code)), value: code < 0 ? 0 : 1, at: .zero))
        }
    }

    /// What lies between two digits is no badge without it.
    @Test func aKeyThatIsNoCharacterBreaksTheLine() {
        for code in [KEY_F1, KEY_BACKSPACE, KEY_RO, KEY_YEN, KEY_COMPOSE, 0xFFFF] {
            var keys = BadgeKeys()
            #expect(press([KEY_4, KEY_7, code, KEY_1, KEY_1, KEY_ENTER], into: &keys) == [.broken], "key \(code)")
            #expect(press([code, KEY_4, KEY_7, KEY_1, KEY_1, KEY_ENTER], into: &keys) == [.broken], "key \(code)")
            #expect(press([KEY_4, KEY_ENTER], into: &keys) == [.whole("4")])
        }
    }

    @Test func aKeyUnderAModifierBreaksTheLine() {
        for modifier in [
            KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA, KEY_RIGHTMETA,
        ] {
            var keys = BadgeKeys()
            let line = [KEY_4, modifier, KEY_7, -modifier, KEY_1, KEY_1, KEY_ENTER]
            #expect(press(line, into: &keys) == [.broken], "modifier \(modifier)")
            // Alt and digits of the number pad type one character by its code.
            let code = [KEY_4, modifier, KEY_KP0, KEY_KP5, KEY_KP2, -modifier, KEY_KP0, KEY_ENTER]
            #expect(press(code, into: &keys) == [.broken], "modifier \(modifier)")
            #expect(press([KEY_4, KEY_7, KEY_ENTER], into: &keys) == [.whole("47")])
        }
        var keys = BadgeKeys()
        #expect(press([KEY_CAPSLOCK, -KEY_CAPSLOCK, KEY_A, KEY_ENTER], into: &keys) == [.broken])
        #expect(press([KEY_CAPSLOCK, -KEY_CAPSLOCK, KEY_A, KEY_ENTER], into: &keys) == [.whole("a")])
    }

    @Test func keypadSpaceAndISOKeysAreReadAsWhatTheyAre() {
        var keys = BadgeKeys()
        let line: (Int32...) -> [Int32] = { [KEY_4, KEY_7] + $0 + [KEY_1, KEY_1, KEY_ENTER] }
        #expect(press(line(KEY_KPSLASH), into: &keys) == [.whole("47/11")])
        #expect(press(line(KEY_KPASTERISK), into: &keys) == [.whole("47*11")])
        #expect(press(line(KEY_KPEQUAL), into: &keys) == [.whole("47=11")])
        #expect(press(line(KEY_KPCOMMA), into: &keys) == [.whole("47,11")])
        #expect(press(line(KEY_SPACE), into: &keys) == [.whole("47 11")])
        #expect(press(line(KEY_102ND), into: &keys) == [.whole("47<11")])
        #expect(press(line(KEY_LEFTSHIFT, KEY_102ND, -KEY_LEFTSHIFT), into: &keys) == [.whole("47>11")])
        #expect(press(line(KEY_NUMLOCK), into: &keys) == [.whole("4711")])
    }

    @Test func lineEndsAsControlKeys() {
        for end in [KEY_J, KEY_M, KEY_I] {
            var keys = BadgeKeys()
            let badge = [KEY_4, KEY_7, KEY_LEFTCTRL, end, -KEY_LEFTCTRL]
            #expect(press(badge + badge, into: &keys) == [.whole("47"), .whole("47")])
            // CR and LF are one end.
            #expect(press([KEY_RIGHTCTRL, KEY_M, KEY_J, -KEY_RIGHTCTRL], into: &keys) == [])
        }
        var keys = BadgeKeys()
        #expect(
            press([KEY_4, KEY_LEFTALT, KEY_ENTER, -KEY_LEFTALT, KEY_7, KEY_ENTER], into: &keys) == [
                .broken, .whole("7"),
            ])
        #expect(press([KEY_4, KEY_LINEFEED], into: &keys) == [.whole("4")])
    }

    @Test func prefixesAreTakenOff() {
        var keys = BadgeKeys(prefixes: ["]", "]c1", "\u{02}"])
        #expect(press([KEY_RIGHTBRACE, KEY_C, KEY_1, KEY_4, KEY_7, KEY_ENTER], into: &keys) == [.whole("47")])
        #expect(press([KEY_RIGHTBRACE, KEY_4, KEY_7, KEY_ENTER], into: &keys) == [.whole("47")])
        #expect(press([KEY_LEFTCTRL, KEY_B, -KEY_LEFTCTRL, KEY_4, KEY_ENTER], into: &keys) == [.whole("4")])
        #expect(press([KEY_4, KEY_7, KEY_ENTER], into: &keys) == [.whole("47")])
        // STX where no prefix stands, and a prefix of nothing.
        #expect(press([KEY_4, KEY_LEFTCTRL, KEY_B, -KEY_LEFTCTRL, KEY_7, KEY_ENTER], into: &keys) == [.broken])
        #expect(press([KEY_RIGHTBRACE, KEY_ENTER], into: &keys) == [.broken])
    }

    /// The tail of a badge is no badge: it would be somebody else's.
    @Test func whatIsTypedSlowlyIsNoBadge() {
        var keys = BadgeKeys()
        let fast = Duration.milliseconds(8)
        #expect(type("47", into: &keys, at: .zero, every: fast) == [])
        #expect(type("11\n0815\n", into: &keys, at: .zero + .seconds(2), every: fast) == [.broken, .whole("0815")])
        // However long nobody comes between two badges.
        #expect(type("4711\n", into: &keys, at: .zero + .seconds(99), every: fast) == [.whole("4711")])
    }

    @Test func whatIsTooLongIsNoBadge() {
        var keys = BadgeKeys()
        let long = String(repeating: "1", count: 65) + "22\n4711\n"
        #expect(type(long, into: &keys, at: .zero, every: .zero) == [.broken, .whole("4711")])
        #expect(
            type(String(repeating: "1", count: 64) + "\n", into: &keys, at: .zero, every: .zero)
                == [.whole(String(repeating: "1", count: 64))])
    }

    @Test func aLineWithKeysThatTheKernelDroppedIsNoBadge() {
        var keys = BadgeKeys()
        let dropped = BadgeKeys.Event(type: UInt16(EV_SYN), code: UInt16(SYN_DROPPED), value: 0, at: .zero)
        #expect(type("12", into: &keys, at: .zero, every: .zero) == [])
        #expect(keys.handle(dropped) == nil)
        #expect(type("345\n4711\n", into: &keys, at: .zero, every: .zero) == [.broken, .whole("4711")])
        // At its beginning, and with the end of a Shift among what is missing.
        _ = keys.handle(.init(type: UInt16(EV_KEY), code: UInt16(KEY_LEFTSHIFT), value: 1, at: .zero))
        #expect(keys.handle(dropped) == nil)
        #expect(type("45\n0815\n", into: &keys, at: .zero, every: .zero) == [.broken, .whole("0815")])
    }

    /// A thread that was held up reads a badge late; what counts is when it was typed.
    @Test func keysCarryTheTimeAtWhichTheyWerePressed() {
        var event = input_event()
        (event.time.tv_sec, event.time.tv_usec) = (5, 700_000)
        #expect(cinput_nanoseconds(&event) == 5_700_000_000)
    }

    private func rules(_ pattern: String, _ action: AgentConfiguration.BadgeReader.Action = .toggle) -> BadgeRules {
        var section = AgentConfiguration.BadgeReader()
        section.pattern = pattern
        section.action = action
        return BadgeRules(section)
    }

    @Test func thePatternSaysWhoseBadgeItIs() {
        var rules = rules("c-([0-9]{4})")
        let now = Instant.zero
        #expect(rules.judge("c-4711", now: now) == .crew("4711"))
        #expect(rules.judge("c-4711", now: now + .seconds(2)) == .repeated)
        #expect(rules.judge("c-4711", now: now + .seconds(6)) == .crew("4711"))
        #expect(rules.judge("4711", now: now + .seconds(6)) == .unknown)
        #expect(rules.judge("c-47111", now: now + .seconds(6)) == .unknown)
        var whole = self.rules("[0-9]+")
        #expect(whole.judge("0815", now: now) == .crew("0815"))
    }

    @Test func badgesToggle() throws {
        let rules = rules("[0-9]+")
        #expect(rules.kind(after: nil) == .signOn)
        #expect(rules.kind(after: (.signOn, .seconds(3600))) == .signOff)
        #expect(rules.kind(after: (.signOff, .seconds(60))) == .signOn)
        #expect(rules.kind(after: (.signOn, .seconds(19 * 3600))) == .signOn, "the sign-off was forgotten")
        #expect(self.rules(".", .signOff).kind(after: nil) == .signOff)

        var outbox = try CrewOutbox(.memory, random: .seeded(2))
        let now = WallClock(secondsSince1970: 1_700_000_000)
        #expect(try outbox.lastEvent(of: "4711", now: now) == nil)
        let event = try outbox.append(CrewEntry(kind: .signOn, crewId: "4711"), now: now)
        // Delivered and gone from the outbox, and still known.
        try outbox.remove([event.eventId])
        let last = try #require(try outbox.lastEvent(of: "4711", now: now + .seconds(60)))
        #expect(last == (.signOn, .seconds(60)))
    }
}
