/// One thing a camera says it can do.
struct CameraMode: Hashable {
    var pixelFormat: PixelFormat
    var width: Int
    var height: Int
    /// The fastest rate at this size; nil when the driver does not say.
    var frameRate: FrameRate?
}

/// Which of a camera's modes serves a request best.
///
/// The size counts most, because a picture that must be scaled up or down costs quality and time; then the rate,
/// because USB 2 carries raw pictures only up to a size; then what the conversion costs.
enum FormatNegotiation {
    /// The modes, the best first.
    static func ranked(_ modes: [CameraMode], for request: CameraRequest) -> [CameraMode] {
        modes.enumerated().sorted { a, b in
            let (first, second) = (score(a.element, request), score(b.element, request))
            return first == second ? a.offset < b.offset : first.lexicographicallyPrecedes(second)
        }.map(\.element)
    }

    /// Lower is better, the first difference decides.
    static func score(_ mode: CameraMode, _ request: CameraRequest) -> [Int] {
        let wanted = request.width * request.height
        let area = mode.width * mode.height
        let isExact = mode.width == request.width && mode.height == request.height
        let covers = mode.width >= request.width && mode.height >= request.height
        let sizeClass = isExact ? 0 : covers ? 1 : 2
        // Of the larger ones the smallest, of the smaller ones the largest.
        let sizeDistance = abs(area - wanted)
        // 29.97 serves 30. An unknown rate is taken to be enough.
        let rate = mode.frameRate?.framesPerSecond ?? request.frameRate.framesPerSecond
        let shortfall = max(0, Int((request.frameRate.framesPerSecond * 0.98 - rate).rounded(.up)))
        return [sizeClass, sizeDistance, shortfall, cost(mode.pixelFormat)]
    }

    /// By the time a conversion to I420 takes.
    private static func cost(_ format: PixelFormat) -> Int {
        switch format {
        case .i420: 0
        case .nv12: 1
        case .yuyv: 2
        case .uyvy: 3
        case .mjpeg: 4
        case .emulated: 5
        }
    }

    /// The size nearest to the requested one on a stepwise range, clamped to it.
    static func clamp(_ wanted: Int, minimum: Int, maximum: Int, step: Int) -> Int {
        guard maximum >= minimum, minimum > 0 else { return wanted }
        let clamped = max(minimum, min(maximum, wanted))
        let step = max(1, step)
        return minimum + (clamped - minimum) / step * step
    }
}
