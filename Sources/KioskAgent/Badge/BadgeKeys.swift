import CInput
import Primitives

/// Turns the keys of a reader that pretends to be a keyboard (HID keyboard wedge, US layout) into the lines it types:
/// a badge's number, then Enter.
///
/// A reader types a line within a few hundredths of a second. What comes slower was typed by a person or belongs to
/// nothing, and is forgotten.
struct BadgeKeys: Sendable {
    private var text: String
    private var isShifted: Bool
    private var lastKeyAt: Instant?

    private static let longestLine = 64
    private static let longestPause = Duration.milliseconds(500)

    init() {
        text = ""
        isShifted = false
        lastKeyAt = nil
    }

    /// One input event (Documentation/input/event-codes.rst).
    /// - Returns: a whole line, when this key ended one.
    mutating func handle(type: UInt16, code: UInt16, value: Int32, now: Instant) -> String? {
        guard type == UInt16(EV_KEY) else { return nil }
        if code == UInt16(KEY_LEFTSHIFT) || code == UInt16(KEY_RIGHTSHIFT) {
            isShifted = value != 0
            return nil
        }
        // 1 is pressed, 0 released, 2 repeated by the kernel.
        guard value == 1 else { return nil }
        if let last = lastKeyAt, now - last > BadgeKeys.longestPause { text = "" }
        lastKeyAt = now
        if [UInt16(KEY_ENTER), UInt16(KEY_KPENTER), UInt16(KEY_TAB)].contains(code) {
            defer { text = "" }
            return text.isEmpty ? nil : text
        }
        guard let character = BadgeKeys.character(code, isShifted) else { return nil }
        guard text.utf8.count < BadgeKeys.longestLine else {
            text = ""
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
