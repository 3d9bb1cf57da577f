import Testing

@testable import HTTPTransport

@Suite struct HTTPDateTests {
    /// The example of RFC 9110 section 5.6.7, and both ends of a day.
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
    ])
    func isWrittenAsTheStandardHasIt(seconds: Int, text: String) {
        #expect(HTTPDate.text(seconds) == text)
    }
}
