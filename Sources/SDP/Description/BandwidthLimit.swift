import Primitives

// What the describing side is able to take of media at most: `b=AS` (RFC 8866 section 5.8) counts kilobits per second with
// all headers, `b=TIAS` (RFC 3890) bits per second of the media alone. A sender must keep to either (RFC 8834 section 7.1).

enum BandwidthLimit {
    /// The narrowest of the `b=` lines as bits per second of media; nil where none can be read. Zero: nothing is to be
    /// sent (RFC 3264 section 5).
    static func media(of lines: [String]) -> Bitrate? {
        var tightest: Int64?
        var stated: Int64?
        for line in lines {
            guard let colon = line.firstIndex(of: ":"),
                let value = Int64(line[line.index(after: colon)...].trimmingSpaces), (0...4_000_000_000).contains(value)
            else { continue }
            switch line[..<colon].trimmingSpaces.uppercased() {
            case "TIAS": stated = min(stated ?? value, value)
            case "AS": tightest = min(tightest ?? .max, withoutHeaders(kilobits: value))
            default: continue
            }
        }
        // "If a "TIAS" value is given, it is used; otherwise the "AS" value is converted" (after RFC 9429 section 5.10).
        return (stated ?? tightest).map { Bitrate(bitsPerSecond: $0) }
    }

    /// RFC 9429 section 5.10: 50 packets a second with 40 bytes of headers, and a twentieth for RTCP.
    private static func withoutHeaders(kilobits: Int64) -> Int64 {
        kilobits == 0 ? 0 : max(leastMedia, kilobits * 950 - 50 * 40 * 8)
    }

    /// Of a limit that the headers alone would use up: the least that Opus makes (RFC 6716 section 2.1.1).
    private static let leastMedia: Int64 = 6_000
}
