import Foundation
import Primitives
import TestSupport

/// What the monitor of a pair got over its last seconds.
struct Course: CustomStringConvertible {
    /// Pictures that came whole, and how many in the worst second.
    var framesPerSecond: Double
    var worstSecond: Int
    /// Of whole pictures: each byte counted once.
    var kilobits: Double
    /// From capture to arrival.
    var worstDelay: Duration
    /// Between two pictures.
    var longestGap: Duration
    var keyframes: Int

    init(_ pair: Pair, last duration: Duration) {
        let from = pair.simulation.now - duration
        let frames = pair.monitor.video.filter { $0.at >= from }
        framesPerSecond = Double(frames.count) / duration.seconds
        kilobits = Double(frames.reduce(0) { $0 + $1.size }) * 8 / 1000 / duration.seconds
        worstDelay = frames.map { $0.at - pair.captured[Int($0.number)] }.max() ?? .zero
        var seconds = Array(repeating: 0, count: Int(duration.seconds))
        for frame in frames { seconds[min(seconds.count - 1, Int((frame.at - from).seconds))] += 1 }
        worstSecond = seconds.min() ?? 0
        longestGap = .zero
        var previous = from
        for time in frames.map(\.at) + [pair.simulation.now] {
            longestGap = max(longestGap, time - previous)
            previous = time
        }
        keyframes = frames.count { $0.isKeyframe }
    }

    var description: String {
        "\(framesPerSecond) frames/s (at worst \(worstSecond)), \(Int(kilobits)) kbit/s, "
            + "\(Int(worstDelay.milliseconds)) ms late at worst, gap \(Int(longestGap.milliseconds)) ms, "
            + "\(keyframes) keyframes"
    }
}

/// Set KIOSK_CHART to see the figures.
func look(_ name: String, _ figures: @autoclosure () -> String) {
    if ProcessInfo.processInfo.environment["KIOSK_CHART"] != nil { print("MEASURED \(name): \(figures())") }
}
