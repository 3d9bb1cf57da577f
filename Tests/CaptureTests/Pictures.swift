import Primitives

/// The planes of a frame without their padding.
struct Planes: Equatable {
    var y: [UInt8]
    var u: [UInt8]
    var v: [UInt8]

    init(y: [UInt8], u: [UInt8], v: [UInt8]) { (self.y, self.u, self.v) = (y, u, v) }

    init(_ frame: borrowing VideoFrame) {
        let (width, height, stride) = (frame.width, frame.height, frame.stride)
        let (chromaWidth, chromaHeight, chromaStride) = (frame.chromaWidth, frame.chromaHeight, frame.chromaStride)
        (y, u, v) = frame.withUnsafePlanes { y, u, v in
            func plane(_ from: UnsafePointer<UInt8>, _ width: Int, _ height: Int, _ stride: Int) -> [UInt8] {
                (0..<height).flatMap { row in (0..<width).map { from[row * stride + $0] } }
            }
            return (
                plane(y, width, height, stride), plane(u, chromaWidth, chromaHeight, chromaStride),
                plane(v, chromaWidth, chromaHeight, chromaStride)
            )
        }
    }
}

/// Seeded bytes for hostile input.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = RandomSource.seeded(seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}
