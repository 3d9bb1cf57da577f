extension WallClock {
    /// RFC 3339 in UTC with milliseconds, `2026-01-31T04:05:06.789Z`.
    public var text: String {
        let (days, rest) = floorDivide(nanosecondsSince1970 / 1_000_000, 86_400_000)
        let (year, month, day) = WallClock.civil(days)
        func pad(_ value: Int64, _ digits: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(rest / 3_600_000, 2)):"
            + "\(pad(rest / 60_000 % 60, 2)):\(pad(rest / 1000 % 60, 2)).\(pad(rest % 1000, 3))Z"
    }

    /// Parses RFC 3339 with `Z` or an offset, with or without a fraction; nil for anything else.
    public init?(text: String) {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int64? {
            guard bytes.count >= start + count, bytes[start..<start + count].allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            return bytes[start..<start + count].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54 || bytes[10] == 0x74,
            bytes[13] == 0x3A, bytes[16] == 0x3A, let year = number(0, 4), let month = number(5, 2),
            let day = number(8, 2), let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            (1...12).contains(month), day >= 1, day <= WallClock.days(in: month, of: year), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        var position = 19
        var nanoseconds: Int64 = 0
        if bytes[position] == 0x2E {
            var scale: Int64 = 100_000_000
            position += 1
            let start = position
            while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
                nanoseconds += Int64(bytes[position] - 0x30) * scale
                scale /= 10
                position += 1
            }
            guard position > start else { return nil }
        }
        var offset: Int64 = 0
        switch position < bytes.count ? bytes[position] : 0 {
        case 0x5A, 0x7A:
            guard bytes.count == position + 1 else { return nil }
        case 0x2B, 0x2D:
            guard bytes.count == position + 6, bytes[position + 3] == 0x3A, let hours = number(position + 1, 2),
                let minutes = number(position + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[position] == 0x2B ? 60 : -60)
        default:
            return nil
        }
        let seconds = WallClock.days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        // 64 bits of nanoseconds reach from 1677 to 2262; what lies beyond is as far away as they reach.
        let reachable = min(max(seconds, -9_223_372_035), 9_223_372_035)
        self.init(nanosecondsSince1970: reachable * 1_000_000_000 + nanoseconds)
    }

    /// The Gregorian date of a day counted from 1970-01-01, by 400-year eras that begin on 1 March.
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(shiftedYear, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}
