import Glibc
import JSON
import Primitives
import Reactor
import Testing

@testable import Doctor

@Suite struct MeasureTests {
    private func picture(_ value: (Int, Int) -> UInt8, at index: Int = 0) -> VideoFrame {
        var frame = VideoFrame(
            width: 64, height: 48, captureTime: Instant(nanoseconds: 1_000_000_000 + Int64(index) * 33_333_333))
        let stride = frame.stride
        frame.withUnsafeMutablePlanes { y, _, _ in
            for row in 0..<48 { for column in 0..<64 { y[row * stride + column] = value(row, column) } }
        }
        return frame
    }

    private func finding(_ rate: Double = 30, _ value: (Int, Int, Int) -> UInt8) -> Finding {
        var exposure = Exposure()
        for index in 0..<30 { exposure.add(picture({ value($0, $1, index) }, at: index)) }
        return exposure.finding("test", wantedRate: rate, facts: JSONObject())
    }

    @Test func pictures() {
        #expect(finding { row, column, index in UInt8((row * 5 + column + index) & 255) }.status == .ok)
        #expect(finding { _, _, _ in 16 }.seen.hasSuffix("black"))
        #expect(finding { _, _, index in UInt8(100 + index) }.seen.contains("one even colour"))
        #expect(finding { row, column, _ in UInt8((row * 5 + column) & 255) }.seen.hasSuffix("always the same picture"))
        #expect(finding(60) { row, column, index in UInt8((row * 5 + column + index) & 255) }.status == .warning)
    }

    @Test func sound() {
        func finding(_ sample: (Int) -> Int16) -> Finding {
            var level = SoundLevel()
            let samples = (0..<9600).map(sample)
            level.add(samples.span)
            return level.finding("test", facts: level.facts)
        }
        #expect(finding { Int16(8000 * ($0 % 2 == 0 ? 1 : -1)) }.status == .ok)
        #expect(finding { _ in 0 }.seen.hasSuffix("complete silence"))
        #expect(finding { Int16($0 % 2) }.seen.hasSuffix("complete silence"))
        // -72 dB: what a session's status calls silent is not well here.
        #expect(finding { Int16($0 % 2 == 0 ? 8 : -8) }.seen.hasSuffix("nearly silent"))
        #expect(finding { Int16($0 % 2 == 0 ? 12 : -12) }.status == .ok)
        #expect(finding { $0 % 2 == 0 ? .max : .min }.seen.hasSuffix("clipping"))
    }

    @Test func datesOfServers() {
        #expect(WallClock(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT") == WallClock(secondsSince1970: 784_111_777))
        #expect(WallClock(httpDate: "Sunday, 06-Nov-94 08:49:37 GMT") == nil)
    }
}
