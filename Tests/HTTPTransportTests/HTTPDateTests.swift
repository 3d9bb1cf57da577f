import Primitives
import Testing

@testable import HTTPTransport

@Suite struct HTTPDateTests {
    /// The example of RFC 9110 section 5.6.7, and both ends of a day.
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
    ])
    func isWrittenAsTheStandardHasIt(seconds: Int64, text: String) {
        #expect(HTTPDate.text(WallClock(secondsSince1970: seconds)) == text)
    }

    @Test(arguments: [nil, WallClock(secondsSince1970: 784_111_777)])
    func standsInAnswersWhenTheServerHasAClock(time: WallClock?) throws {
        let loop = try Loopback(server: { if let time { $0.clock = { time } } })
        let answer = try #require(loop.answer(to: "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n"))
        #expect(answer.contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n") == (time != nil), "\(answer)")
        #expect(answer.contains("Date:") == (time != nil))
    }
}
