import Compression
import TestSupport
import Testing

@Suite struct GzipTests {
    /// Text that repeats itself, as a page does.
    private let page = Array(String(repeating: "export function view(state) { return state; }\n", count: 500).utf8)

    @Test(arguments: [0, 1, 2, 100, 65_536, 200_000])
    func contentComesBack(count: Int) {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(Gunzip.decompressed(Gzip.compressed(bytes), limit: count) == bytes)
    }

    @Test func repeatedTextBecomesSmallAndIsTheSameEachTime() {
        let compressed = Gzip.compressed(page)
        #expect(compressed.count < page.count / 50)
        #expect(compressed == Gzip.compressed(page))
        // RFC 1952 section 2.3: the magic, deflate, no flag, no time.
        #expect(compressed.prefix(8) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0])
    }

    @Test func whatIsBrokenOrTooLongIsNil() {
        let compressed = Gzip.compressed(page)
        #expect(Gunzip.decompressed(compressed, limit: page.count) == page)
        #expect(Gunzip.decompressed(compressed, limit: page.count - 1) == nil)
        #expect(Gunzip.decompressed(Array(compressed.dropLast()), limit: page.count) == nil)
        #expect(Gunzip.decompressed(compressed + [0], limit: page.count) == nil)
        #expect(Gunzip.decompressed([], limit: 10) == nil)
        var wrong = compressed
        wrong[wrong.count - 5] ^= 1  // the checksum
        #expect(Gunzip.decompressed(wrong, limit: page.count) == nil)
    }
}
