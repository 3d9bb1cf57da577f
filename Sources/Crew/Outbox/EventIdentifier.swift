import Primitives

/// Time-ordered identifiers (RFC 9562 section 5.7, UUID version 7): 48 bits of milliseconds since 1970, then random.
///
/// Two made in the same millisecond keep their order: the 12 bits behind the time are a counter (section 6.2,
/// method 1). A clock that goes backwards does not take the order with it.
struct EventIdentifiers: Sendable {
    private var random: RandomSource
    private var milliseconds: UInt64
    private var counter: UInt16

    init(random: RandomSource) {
        self.random = random
        milliseconds = 0
        counter = 0
    }

    /// The next identifier in its text form, lower case.
    mutating func next(at time: WallClock) -> String {
        let now = UInt64(max(0, time.nanosecondsSince1970 / 1_000_000)) & 0xFFFF_FFFF_FFFF
        if now > milliseconds {
            milliseconds = now
            // Half of the counter's room is left for identifiers of the same millisecond.
            counter = UInt16.random(in: 0..<0x800, using: &random)
        } else if counter == 0xFFF {
            milliseconds += 1
            counter = 0
        } else {
            counter += 1
        }
        let high = milliseconds << 16 | 0x7000 | UInt64(counter)
        let low = 0x8000_0000_0000_0000 | random.next() >> 2
        return EventIdentifiers.text(high, low)
    }

    /// A UUID of any version in its text form (RFC 9562 section 4), in lower case; nil for anything else.
    static func canonical(_ text: String) -> String? {
        let lower = text.lowercased()
        let isDash: (Int) -> Bool = { [8, 13, 18, 23].contains($0) }
        let isLegal =
            lower.utf8.count == 36
            && lower.utf8.enumerated().allSatisfy { index, byte in
                isDash(index) ? byte == 0x2D : (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            }
        return isLegal ? lower : nil
    }

    private static func text(_ high: UInt64, _ low: UInt64) -> String {
        func hex(_ value: UInt64, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: digits - text.count) + text
        }
        return [
            hex(high >> 32, 8), hex(high >> 16 & 0xFFFF, 4), hex(high & 0xFFFF, 4), hex(low >> 48, 4),
            hex(low & 0xFFFF_FFFF_FFFF, 12),
        ].joined(separator: "-")
    }
}
