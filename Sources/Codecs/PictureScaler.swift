public import Primitives

/// Brings a picture to another size, for an encoder that follows the network below the camera's resolution.
///
/// Halves with a box filter as long as the picture is at least twice too large each way, then interpolates the rest
/// bilinearly. The tables and the intermediate picture are kept, so a steady stream allocates nothing.
public struct PictureScaler: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only.
    private var half: VideoFrame?
    private var quarter: VideoFrame?
    private var row: [UInt8]
    private var luma: Columns
    private var chroma: Columns

    /// Takes its memory with the first picture.
    public init() {
        half = nil
        quarter = nil
        row = []
        luma = Columns()
        chroma = Columns()
    }

    /// Writes `source`, scaled to `target`'s size, into `target`, with its capture time.
    public mutating func scale(_ source: borrowing VideoFrame, into target: inout VideoFrame) {
        target.captureTime = source.captureTime
        guard source.width >= 2 * target.width, source.height >= 2 * target.height else {
            resample(source, into: &target)
            return
        }
        var first = PictureScaler.take(&half, source.width / 2, source.height / 2)
        PictureScaler.halve(source, into: &first)
        if first.width >= 2 * target.width, first.height >= 2 * target.height {
            var second = PictureScaler.take(&quarter, first.width / 2, first.height / 2)
            PictureScaler.halve(first, into: &second)
            resample(second, into: &target)
            quarter = consume second
        } else {
            resample(first, into: &target)
        }
        half = consume first
    }

    private static func take(_ kept: inout VideoFrame?, _ width: Int, _ height: Int) -> VideoFrame {
        if let frame = kept.take(), frame.width == width, frame.height == height { return frame }
        return VideoFrame(width: width, height: height)
    }

    // MARK: Halving

    private static func halve(_ source: borrowing VideoFrame, into target: inout VideoFrame) {
        let (stride, chromaStride) = (target.stride, target.chromaStride)
        let (width, height) = (target.width, target.height)
        let (sourceStride, sourceChroma) = (source.stride, source.chromaStride)
        let (chromaWidth, chromaHeight) = (target.chromaWidth, target.chromaHeight)
        let (sourceChromaWidth, sourceChromaHeight) = (source.chromaWidth, source.chromaHeight)
        let (sourceWidth, sourceHeight) = (source.width, source.height)
        source.withUnsafePlanes { y, u, v in
            target.withUnsafeMutablePlanes { toY, toU, toV in
                halve(y, sourceStride, sourceWidth, sourceHeight, to: toY, stride, width, height)
                halve(
                    u, sourceChroma, sourceChromaWidth, sourceChromaHeight, to: toU, chromaStride, chromaWidth,
                    chromaHeight)
                halve(
                    v, sourceChroma, sourceChromaWidth, sourceChromaHeight, to: toV, chromaStride, chromaWidth,
                    chromaHeight)
            }
        }
    }

    private static func halve(
        _ source: UnsafePointer<UInt8>, _ sourceStride: Int, _ sourceWidth: Int, _ sourceHeight: Int,
        to target: UnsafeMutablePointer<UInt8>, _ stride: Int, _ width: Int, _ height: Int
    ) {
        // A chroma plane of odd size has its last column or row alone: it is taken twice.
        let pairs = min(width, sourceWidth / 2)
        for y in 0..<height {
            let upper = source + 2 * y * sourceStride
            let lower = 2 * y + 1 < sourceHeight ? upper + sourceStride : upper
            let out = target + y * stride
            for x in 0..<pairs {
                let sum =
                    UInt16(upper[2 &* x]) &+ UInt16(upper[2 &* x &+ 1]) &+ UInt16(lower[2 &* x])
                    &+ UInt16(lower[2 &* x &+ 1])
                out[x] = UInt8(truncatingIfNeeded: (sum &+ 2) &>> 2)
            }
            if pairs < width {
                let last = UInt16(upper[sourceWidth - 1]) &+ UInt16(lower[sourceWidth - 1])
                out[pairs] = UInt8(truncatingIfNeeded: (last &+ 1) &>> 1)
            }
        }
    }

    // MARK: Interpolation

    /// For each target column the source column to its left and the weight, in 256ths, of the one to its right.
    private struct Columns {
        var from = 0
        var left: [Int32] = []
        var weight: [UInt16] = []

        mutating func prepare(from source: Int, to target: Int) {
            guard from != source || left.count != target else { return }
            from = source
            left = []
            weight = []
            for x in 0..<target {
                let (index, part) = PictureScaler.position(x, from: source, to: target)
                left.append(Int32(index))
                weight.append(part)
            }
        }
    }

    /// Where the centre of target pixel `x` lies: the pixel before it, and how far beyond that one's centre in 256ths.
    private static func position(_ x: Int, from source: Int, to target: Int) -> (Int, UInt16) {
        let position = max(0, ((2 * x + 1) * source * 256 / target - 256) / 2)
        let index = min(position / 256, source - 1)
        return index == source - 1 ? (max(0, index - 1), source > 1 ? 256 : 0) : (index, UInt16(position % 256))
    }

    private mutating func resample(_ source: borrowing VideoFrame, into target: inout VideoFrame) {
        luma.prepare(from: source.width, to: target.width)
        chroma.prepare(from: source.chromaWidth, to: target.chromaWidth)
        if row.count < source.width + 1 { row = [UInt8](repeating: 0, count: source.width + 1) }
        let (stride, chromaStride) = (target.stride, target.chromaStride)
        let (height, chromaHeight) = (target.height, target.chromaHeight)
        let (sourceWidth, sourceHeight) = (source.width, source.height)
        let (sourceChromaWidth, sourceChromaHeight) = (source.chromaWidth, source.chromaHeight)
        let (sourceStride, sourceChroma) = (source.stride, source.chromaStride)
        row.withUnsafeMutableBufferPointer { row in
            let row = row.baseAddress!
            source.withUnsafePlanes { y, u, v in
                target.withUnsafeMutablePlanes { toY, toU, toV in
                    PictureScaler.resample(
                        y, sourceStride, sourceWidth, sourceHeight, to: toY, stride, height, luma, row)
                    PictureScaler.resample(
                        u, sourceChroma, sourceChromaWidth, sourceChromaHeight, to: toU, chromaStride, chromaHeight,
                        chroma, row)
                    PictureScaler.resample(
                        v, sourceChroma, sourceChromaWidth, sourceChromaHeight, to: toV, chromaStride, chromaHeight,
                        chroma, row)
                }
            }
        }
    }

    private static func resample(
        _ source: UnsafePointer<UInt8>, _ sourceStride: Int, _ sourceWidth: Int, _ sourceHeight: Int,
        to target: UnsafeMutablePointer<UInt8>, _ stride: Int, _ height: Int, _ columns: borrowing Columns,
        _ row: UnsafeMutablePointer<UInt8>
    ) {
        let width = columns.left.count
        columns.left.withUnsafeBufferPointer { left in
            columns.weight.withUnsafeBufferPointer { weight in
                for y in 0..<height {
                    let (index, part) = position(y, from: sourceHeight, to: height)
                    let upper = source + index * sourceStride
                    let lower = sourceHeight > 1 ? upper + sourceStride : upper
                    // Rows first: this loop becomes vector instructions, the one over columns cannot.
                    for x in 0..<sourceWidth {
                        let blend = UInt16(upper[x]) &* (256 &- part) &+ UInt16(lower[x]) &* part &+ 128
                        row[x] = UInt8(truncatingIfNeeded: blend &>> 8)
                    }
                    row[sourceWidth] = row[sourceWidth - 1]
                    let out = target + y * stride
                    for x in 0..<width {
                        let at = Int(left[x])
                        let part = weight[x]
                        let blend = UInt16(row[at]) &* (256 &- part) &+ UInt16(row[at &+ 1]) &* part &+ 128
                        out[x] = UInt8(truncatingIfNeeded: blend &>> 8)
                    }
                }
            }
        }
    }
}
