import Glibc
import Primitives

/// Draws the test pattern's frames. The same number and clock give the same picture.
struct TestPatternPainter: ~Copyable {
    private let width: Int
    private let height: Int
    private let background: VideoFrame
    /// One row of texture per picture row of the lower half, twice as wide as the picture, to slide along.
    private let texture: [UInt8]
    private let textureWidth: Int
    private let textureRows: Range<Int>
    private let scale: Int

    /// BT.601 studio-range bars: white, yellow, cyan, green, magenta, red, blue, black (75 %, SMPTE EG 1).
    private static let bars: [(y: UInt8, u: UInt8, v: UInt8)] = [
        (180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212),
        (35, 212, 114), (16, 128, 128),
    ]

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        var picture = VideoFrame(width: width, height: height)
        let textureStart = height * 55 / 100
        let textureEnd = height * 80 / 100
        textureRows = textureStart..<textureEnd
        textureWidth = width * 2
        texture = TestPatternPainter.makeTexture(width: textureWidth, rows: textureRows.count)
        scale = max(1, height / 120)
        TestPatternPainter.paintBackground(&picture, barRows: textureStart)
        background = picture
    }

    /// Bars above, a grey ramp and chroma sweep below.
    private static func paintBackground(_ picture: inout VideoFrame, barRows: Int) {
        let (width, height, stride) = (picture.width, picture.height, picture.stride)
        let (chromaWidth, chromaHeight, chromaStride) = (
            picture.chromaWidth, picture.chromaHeight, picture.chromaStride
        )
        picture.withUnsafeMutablePlanes { y, u, v in
            for row in 0..<height {
                for column in 0..<width {
                    y[row * stride + column] =
                        row < barRows ? bars[column * 8 / width].y : UInt8(16 + column * 219 / width)
                }
            }
            for row in 0..<chromaHeight {
                for column in 0..<chromaWidth {
                    let bar = bars[column * 8 / chromaWidth]
                    let isBar = row * 2 < barRows
                    u[row * chromaStride + column] = isBar ? bar.u : UInt8(64 + column * 128 / chromaWidth)
                    v[row * chromaStride + column] = isBar ? bar.v : UInt8(192 - row * 128 / chromaHeight)
                }
            }
        }
    }

    /// Smooth hills with a little grain, as a camera's picture has. It repeats after half its width.
    private static func makeTexture(width: Int, rows: Int) -> [UInt8] {
        var random = RandomSource.seeded(0x7E57)
        var texture = [UInt8](repeating: 0, count: width * rows)
        let period = Double(width / 2)
        for row in 0..<rows {
            for column in 0..<width / 2 {
                let angle = Double(column) / period * 2 * .pi
                let hills = sin(angle * 5 + Double(row) / 9) * 40 + sin(angle * 17 - Double(row) / 4) * 24
                let grain = Double(random.next() % 13) - 6
                let value = UInt8(max(16, min(235, 120 + hills + grain)))
                texture[row * width + column] = value
                texture[row * width + width / 2 + column] = value
            }
        }
        return texture
    }

    /// - Parameter number: of the frame, which positions everything that moves.
    mutating func paint(_ number: Int, clock: TimeOfDay, into frame: inout VideoFrame) {
        precondition(frame.width == width && frame.height == height, "test pattern: a frame of another size")
        copyBackground(into: &frame)
        slideTexture(number, into: &frame)
        paintDisc(number, into: &frame)
        paintSweep(number, into: &frame)
        paintText(number, clock, into: &frame)
    }

    private func copyBackground(into frame: inout VideoFrame) {
        let luma = frame.stride * frame.height
        let chroma = frame.chromaStride * frame.chromaHeight
        background.withUnsafePlanes { fromY, fromU, fromV in
            frame.withUnsafeMutablePlanes { y, u, v in
                y.update(from: fromY, count: luma)
                u.update(from: fromU, count: chroma)
                v.update(from: fromV, count: chroma)
            }
        }
    }

    private func slideTexture(_ number: Int, into frame: inout VideoFrame) {
        let (width, stride) = (width, frame.stride)
        let offset = number * 3 % max(1, textureWidth / 2)
        texture.withUnsafeBufferPointer { texture in
            frame.withUnsafeMutablePlanes { y, _, _ in
                for (index, row) in textureRows.enumerated() {
                    (y + row * stride).update(from: texture.baseAddress! + index * textureWidth + offset, count: width)
                }
            }
        }
    }

    /// A disc that swings over the bars, red by day and night.
    private func paintDisc(_ number: Int, into frame: inout VideoFrame) {
        let radius = max(4, height / 9)
        let phase = Double(number) / 40
        let centreX = width / 2 + Int(Double(width) * 0.38 * sin(phase))
        let centreY = height * 28 / 100 + Int(Double(height) * 0.13 * cos(phase * 2))
        let (width, height, stride, chromaStride) = (width, height, frame.stride, frame.chromaStride)
        frame.withUnsafeMutablePlanes { y, u, v in
            for row in max(0, centreY - radius)..<max(0, min(height, centreY + radius)) {
                let dy = row - centreY
                let half = Int(Double(radius * radius - dy * dy).squareRoot())
                let columns = max(0, centreX - half)..<max(0, min(width, centreX + half))
                for column in columns { y[row * stride + column] = UInt8(truncatingIfNeeded: 110 + dy * 60 / radius) }
                guard row % 2 == 0 else { continue }
                for column in columns.lowerBound / 2..<columns.upperBound / 2 {
                    u[row / 2 * chromaStride + column] = 90
                    v[row / 2 * chromaStride + column] = 220
                }
            }
        }
    }

    /// A bright bar that crosses the picture every four seconds at 30 frames/s.
    private func paintSweep(_ number: Int, into frame: inout VideoFrame) {
        let thickness = max(2, width / 80)
        let start = number * width / 120 % width
        let (width, stride) = (width, frame.stride)
        let rows = height * 80 / 100..<height * 84 / 100
        frame.withUnsafeMutablePlanes { y, _, _ in
            for row in rows {
                for column in start..<min(width, start + thickness) { y[row * stride + column] = 235 }
            }
        }
    }

    /// "#000123 12:34:56", white on black, at the bottom.
    private func paintText(_ number: Int, _ clock: TimeOfDay, into frame: inout VideoFrame) {
        var text: [16 of UInt8] = .init(repeating: UInt8(ascii: " "))
        text[0] = UInt8(ascii: "#")
        var rest = number
        for index in stride(from: 6, through: 1, by: -1) {
            text[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        let digits = clock.digits
        for index in 0..<8 { text[8 + index] = digits[index] }

        let cell = TestPatternFont.advance * scale
        let left = max(0, (width - 16 * cell) / 2)
        let top = max(0, height - (TestPatternFont.height + 3) * scale)
        let box = max(0, top - 2 * scale)..<height
        let columns = max(0, left - 2 * scale)..<min(width, left + 16 * cell + scale)
        let (width, height, scale) = (width, height, scale)
        let (lumaStride, chromaStride) = (frame.stride, frame.chromaStride)
        frame.withUnsafeMutablePlanes { y, u, v in
            for row in box {
                (y + row * lumaStride + columns.lowerBound).update(repeating: 16, count: columns.count)
                let chromaCount = columns.upperBound / 2 - columns.lowerBound / 2
                (u + row / 2 * chromaStride + columns.lowerBound / 2).update(repeating: 128, count: chromaCount)
                (v + row / 2 * chromaStride + columns.lowerBound / 2).update(repeating: 128, count: chromaCount)
            }
            for position in 0..<16 {
                for glyphRow in 0..<TestPatternFont.height {
                    let bits = TestPatternFont.row(glyphRow, of: text[position])
                    for glyphColumn in 0..<TestPatternFont.width where bits >> (4 - glyphColumn) & 1 == 1 {
                        let x = left + position * cell + glyphColumn * scale
                        guard x + scale <= width else { continue }
                        for dy in 0..<scale {
                            let row = top + glyphRow * scale + dy
                            guard row < height else { continue }
                            (y + row * lumaStride + x).update(repeating: 235, count: scale)
                        }
                    }
                }
            }
        }
    }
}
