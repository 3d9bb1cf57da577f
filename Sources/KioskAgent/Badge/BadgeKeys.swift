import CInput
import Primitives

/// Turns the keys of a reader that pretends to be a keyboard (HID keyboard wedge, US layout) into the lines it types:
/// a badge's number, then Enter.
///
/// A reader types a line within a few hundredths of a second. A line with a pause in it was typed by a person or put
/// together from two, one that is too long is none, and of one whose keys the kernel dropped nobody knows what is missing.
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
    private var isShifted: Bool
    private var lastKeyAt: Instant?

    private static let longestLine = 64
    private static let longestPause = Duration.milliseconds(500)

    init() {
        text = ""
        isBroken = false
        isShifted = false
        lastKeyAt = nil
    }

    /// - Returns: a line, when this key ended one.
    mutating func handle(_ event: Event) -> Line? {
        let (code, value) = (event.code, event.value)
        if event.type == UInt16(EV_SYN), code == UInt16(SYN_DROPPED) {
            // A Shift that was let go may be among what was dropped.
            (text, isBroken, isShifted) = ("", true, false)
            return nil
        }
        guard event.type == UInt16(EV_KEY) else { return nil }
        if code == UInt16(KEY_LEFTSHIFT) || code == UInt16(KEY_RIGHTSHIFT) {
            isShifted = value != 0
            return nil
        }
        // 1 is pressed, 0 released, 2 repeated by the kernel.
        guard value == 1 else { return nil }
        if !text.isEmpty, let last = lastKeyAt, event.at - last > BadgeKeys.longestPause { isBroken = true }
        lastKeyAt = event.at
        if [UInt16(KEY_ENTER), UInt16(KEY_KPENTER), UInt16(KEY_TAB)].contains(code) {
            defer { (text, isBroken) = ("", false) }
            return isBroken ? .broken : text.isEmpty ? nil : .whole(text)
        }
        guard let character = BadgeKeys.character(code, isShifted) else { return nil }
        guard text.utf8.count < BadgeKeys.longestLine else {
            isBroken = true
            return nil
        }
        text.append(character)
        return nil
    }

    private static let rows: [(first: Int32, plain: [Character], shifted: [Character])] = [
        (KEY_1, Array("1234567890-="), Array("!@#$%^&*()_+")),
        (KEY_Q, Array("qwertyuiop[]"), Array("QWERTYUIOP{}")),
        (KEY_A, Array("asdfghjkl;'`"), Array("ASDFGHJKL:\"~")),
        (KEY_BACKSLASH, Array("\\zxcvbnm,./"), Array("|ZXCVBNM<>?")),
        (KEY_KP7, Array("789-456+1230."), Array("789-456+1230.")),
    ]

    private static func character(_ code: UInt16, _ isShifted: Bool) -> Character? {
        for row in rows {
            let index = Int(code) - Int(row.first)
            if row.plain.indices.contains(index) { return isShifted ? row.shifted[index] : row.plain[index] }
        }
        return nil
    }
}
