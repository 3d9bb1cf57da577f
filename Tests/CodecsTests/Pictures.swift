import Glibc
import Primitives

/// A moving picture: gradients that drift, a textured square that travels, and a little noise like a sensor's.
func drawMovingPicture(_ frame: inout VideoFrame, number: Int) {
    let (width, height, stride, chromaStride) = (frame.width, frame.height, frame.stride, frame.chromaStride)
    let (chromaWidth, chromaHeight) = (frame.chromaWidth, frame.chromaHeight)
    frame.captureTime = Instant(nanoseconds: Int64(number) * 33_333_333)
    let squareX = (number * 4) % max(1, width - width / 4)
    let squareY = (number * 2) % max(1, height - height / 4)
    var noise = UInt32(truncatingIfNeeded: number) &* 2_654_435_761 &+ 1
    frame.withUnsafeMutablePlanes { y, u, v in
        for row in 0..<height {
            for column in 0..<width {
                noise = noise &* 1_664_525 &+ 1_013_904_223
                var value = 60 + (column + number) * 100 / width + row * 60 / height
                if column >= squareX, column < squareX + width / 4, row >= squareY, row < squareY + height / 4 {
                    value = ((column - squareX) ^ (row - squareY)) & 127 + 64
                }
                y[row * stride + column] = UInt8(clamping: value + Int(noise >> 30))
            }
        }
        for row in 0..<chromaHeight {
            for column in 0..<chromaWidth {
                u[row * chromaStride + column] = UInt8(clamping: 100 + column * 50 / chromaWidth)
                v[row * chromaStride + column] = UInt8(clamping: 150 - row * 50 / chromaHeight)
            }
        }
    }
}

/// Peak signal-to-noise ratio of the luma plane in decibels; 99 for equal planes.
func lumaPSNR(_ a: borrowing VideoFrame, _ b: borrowing VideoFrame) -> Double {
    precondition(a.width == b.width && a.height == b.height)
    let (width, height, strideA, strideB) = (a.width, a.height, a.stride, b.stride)
    var sum = 0
    a.withUnsafePlanes { pa, _, _ in
        b.withUnsafePlanes { pb, _, _ in
            for row in 0..<height {
                for column in 0..<width {
                    let difference = Int(pa[row * strideA + column]) - Int(pb[row * strideB + column])
                    sum += difference * difference
                }
            }
        }
    }
    guard sum > 0 else { return 99 }
    return 10 * log10(255 * 255 * Double(width * height) / Double(sum))
}
