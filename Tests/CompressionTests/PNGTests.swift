import Compression
import TestSupport
import Testing

@Suite struct PNGTests {
    private struct Chunk: Equatable {
        var type: String
        var data: [UInt8]
    }

    /// The checksum of ISO/IEC 15948, annex D, bit by bit.
    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return ~value
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private func chunks(_ file: [UInt8]) throws -> [Chunk] {
        try #require(file.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        var rest = file.dropFirst(8)
        var chunks: [Chunk] = []
        while !rest.isEmpty {
            let length = number(rest.prefix(4))
            let body = Array(rest.dropFirst(4).prefix(4 + length))
            #expect(UInt32(number(rest.dropFirst(8 + length).prefix(4))) == checksum(body))
            chunks.append(Chunk(type: String(decoding: body.prefix(4), as: UTF8.self), data: Array(body.dropFirst(4))))
            rest = rest.dropFirst(12 + length)
        }
        return chunks
    }

    /// A zlib stream (RFC 1950) with the frame of a gzip member around its data.
    private func inflated(_ stream: [UInt8], _ content: [UInt8]) -> [UInt8]? {
        let little: (UInt32) -> [UInt8] = { value in [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) } }
        let member =
            [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + stream.dropFirst(2).dropLast(4) + little(checksum(content))
            + little(UInt32(content.count))
        return Gunzip.decompressed(member, limit: content.count)
    }

    @Test func aPictureIsAFileOfThreeChunks() throws {
        let rgb: [UInt8] = [10, 20, 30, 15, 18, 30, /**/ 255, 0, 1, 0, 255, 2]
        let chunks = try chunks(PNG.encoded(rgb: rgb, width: 2, height: 2))
        #expect(chunks.map(\.type) == ["IHDR", "IDAT", "IEND"])
        #expect(chunks[0].data == [0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0])
        // Each row's filter type, then the difference from the pixel to the left.
        let rows: [UInt8] = [1, 10, 20, 30, 5, 254, 0, /**/ 1, 255, 0, 1, 1, 255, 1]
        #expect(inflated(chunks[1].data, rows) == rows)
        #expect(chunks[2].data.isEmpty)
    }

    @Test(arguments: [(1, 1), (3, 7), (1920, 3)])
    func everyPixelComesBack(width: Int, height: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let rgb = (0..<width * height * 3).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let data = try chunks(PNG.encoded(rgb: rgb, width: width, height: height))[1].data
        var rows: [UInt8] = []
        for row in 0..<height {
            let line = rgb[row * width * 3..<(row + 1) * width * 3]
            rows += [1] + zip(line, [0, 0, 0] + line.dropLast(3)).map { $0 &- $1 }
        }
        #expect(inflated(data, rows) == rows)
    }
}
