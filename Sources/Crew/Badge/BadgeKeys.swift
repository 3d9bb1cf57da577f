import CInput
import Primitives

/// Turns the keys of a reader that pretends to be a keyboard (HID keyboard wedge, US layout) into the lines it types:
/// a badge's number, then Enter.
///
/// A reader types a line within a few hundredths of a second. A line with a pause in it was typed by a person or put
/// together from two, one that is too long is none, and one from which the kernel dropped keys has gaps in unknown places.
/// A key that types no character known here, or types it under Alt, AltGr, Meta or Caps Lock, leaves such a gap as well.
/// Nothing of such a line may pass for a badge, its tail least of all: everything up to its Enter is forgotten.
struct BadgeKeys: Sendable {
    /// One event of an input device (Documentation/input/event-codes.rst).
    struct Event: Sendable {
        var type: UInt16
        var code: UInt16
        var value: Int32
        /// When it happened, which may be long before it is read.
        var at: Instant
    }

    /// What ended with Enter.
    enum Line: Hashable, Sendable {
        case whole(String)
        /// Parts of it are missing, or are another line's.
        case broken
    }

    private var text: String
    /// Whether what comes up to the next Enter is to be forgotten.
    private var isBroken: Bool
    /// Keys that change what others mean, while they are held.
    private var held: Set<UInt16>
    private var isCapsLocked: Bool
    private var lastKeyAt: Instant?
    /// What the reader types before a badge, longest first.
    private let prefixes: [String]

    private static let longestLine = 64
    private static let longestPause = Duration.milliseconds(500)

    /// - Parameter prefixes: texts that do not belong to the badge, such as AIM's `]C1` or STX, which a reader types as Ctrl+B.
    init(prefixes: [String] = []) {
        text = ""
        isBroken = false
        held = []
        isCapsLocked = false
        lastKeyAt = nil
        self.prefixes = prefixes.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// - Returns: a line, when this key ended one.
    mutating func handle(_ event: Event) -> Line? {
        let (code, value) = (event.code, event.value)
        if event.type == UInt16(EV_SYN), code == UInt16(SYN_DROPPED) {
            // A modifier that was let go may be among what was dropped.
            (text, isBroken, held, isCapsLocked) = ("", true, [], false)
            return nil
        }
        guard event.type == UInt16(EV_KEY) else { return nil }
        if BadgeKeys.shifts.contains(code) || BadgeKeys.controls.contains(code) || BadgeKeys.others.contains(code) {
            if value == 0 { held.remove(code) } else { held.insert(code) }
            return nil
        }
        // 1 is pressed, 0 released, 2 repeated by the kernel.
        guard value == 1 else { return nil }
        if code == UInt16(KEY_CAPSLOCK) {
            isCapsLocked.toggle()
            return nil
        }
        // The keypad's digits are read as such whatever Num Lock says: the key itself types nothing.
        if code == UInt16(KEY_NUMLOCK) { return nil }
        if !text.isEmpty, let last = lastKeyAt, event.at - last > BadgeKeys.longestPause { isBroken = true }
        lastKeyAt = event.at
        let isControlled = !held.isDisjoint(with: BadgeKeys.controls)
        let isChanged = !held.isDisjoint(with: BadgeKeys.others) || isCapsLocked
        if BadgeKeys.ends.contains(code) {
            // A chord may mean anything, and yet the next line is another one.
            if !text.isEmpty, isControlled || isChanged { isBroken = true }
            return ended()
        }
        // A key that is not understood leaves a gap, and a badge with a gap would be another crew member's.
        guard !isChanged, let character = BadgeKeys.character(code, isShifted: !held.isDisjoint(with: BadgeKeys.shifts))
        else {
            isBroken = true
            return nil
        }
        guard isControlled else {
            append(character)
            return nil
        }
        // Ctrl takes the upper bits off (ECMA-35's C0 set): Ctrl+J is LF, Ctrl+M is CR, Ctrl+I is TAB.
        let upper = character.uppercased().unicodeScalars.first!.value
        guard (0x40...0x5F).contains(upper), let control = Unicode.Scalar(upper & 0x1F) else {
            isBroken = true
            return nil
        }
        if ["\n", "\r", "\t"].contains(control) { return ended() }
        append(Character(control))
        return nil
    }

    private mutating func append(_ character: Character) {
        if text.utf8.count < BadgeKeys.longestLine { text.append(character) } else { isBroken = true }
    }

    private mutating func ended() -> Line? {
        defer { (text, isBroken) = ("", false) }
        if isBroken { return .broken }
        if text.isEmpty { return nil }
        let badge = prefixes.first(where: text.hasPrefix).map { text.dropFirst($0.count) } ?? Substring(text)
        // A control character that no prefix explains is a gap, too.
        let isReadable = badge.unicodeScalars.allSatisfy { $0.value >= 0x20 }
        return badge.isEmpty || !isReadable ? .broken : .whole(String(badge))
    }

    private static let shifts = codes(KEY_LEFTSHIFT, KEY_RIGHTSHIFT)
    private static let controls = codes(KEY_LEFTCTRL, KEY_RIGHTCTRL)
    private static let others = codes(KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA, KEY_RIGHTMETA)
    private static let ends = codes(KEY_ENTER, KEY_KPENTER, KEY_TAB, KEY_LINEFEED)

    private static func codes(_ keys: Int32...) -> Set<UInt16> { Set(keys.map { UInt16($0) }) }

    private static let rows: [(first: Int32, plain: [Character], shifted: [Character])] = [
        (KEY_1, Array("1234567890-="), Array("!@#$%^&*()_+")),
        (KEY_Q, Array("qwertyuiop[]"), Array("QWERTYUIOP{}")),
        (KEY_A, Array("asdfghjkl;'`"), Array("ASDFGHJKL:\"~")),
        (KEY_BACKSLASH, Array("\\zxcvbnm,./"), Array("|ZXCVBNM<>?")),
        (KEY_SPACE, [" "], [" "]),
        // The key beside the left Shift that ISO keyboards have and ANSI keyboards have not.
        (KEY_102ND, ["<"], [">"]),
        (KEY_KP7, Array("789-456+1230."), Array("789-456+1230.")),
        (KEY_KPASTERISK, ["*"], ["*"]),
        (KEY_KPSLASH, ["/"], ["/"]),
        (KEY_KPEQUAL, ["="], ["="]),
        (KEY_KPCOMMA, [","], [","]),
    ]

    private static func character(_ code: UInt16, isShifted: Bool) -> Character? {
        for row in rows {
            let index = Int(code) - Int(row.first)
            if row.plain.indices.contains(index) { return isShifted ? row.shifted[index] : row.plain[index] }
        }
        return nil
    }
}
