import HTTP
import Testing

@Suite struct ContentCodingTests {
    private func accepts(_ coding: ContentCoding, _ values: String...) -> Bool {
        coding.isAccepted(by: values.map { HTTPHeader("Accept-Encoding", $0) })
    }

    @Test(arguments: [
        "gzip", "GZIP", "x-gzip", "gzip, deflate, br, zstd", "deflate;q=1.0, gzip;q=0.5", "br, *", "*;q=0.001",
        "gzip ; q=1", "gzip;Q=0.1", ",,gzip", "gzip;q=1.000", "identity;q=0, gzip", "*;q=0, gzip",
    ])
    func acceptsGzip(_ field: String) { #expect(accepts(.gzip, field)) }

    @Test(arguments: [
        "", "identity", "br, deflate", "gzip;q=0", "gzip;q=0.000", "gzip; q=0.0, *", "*;q=0", "gzipped", "gzip;q=2",
        "gzip;q=", "gzip;q=x", "gzip;q=0.0001", "gzip;level=9", "gzip;q=1.001", "gzip;q=.5", "gzip;q=1.x",
    ])
    func doesNotAcceptGzip(_ field: String) { #expect(!accepts(.gzip, field)) }

    @Test func fieldsOnSeveralLinesAreOneList() { #expect(accepts(.gzip, "br", "gzip")) }

    @Test func withoutTheFieldNothingIsCoded() {
        #expect(!ContentCoding.gzip.isAccepted(by: []))
        #expect(ContentCoding.identity.isAccepted(by: []))
    }
}
