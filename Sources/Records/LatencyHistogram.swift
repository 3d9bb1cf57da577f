internal import Primitives
internal import Synchronization

/// How long something took, in the buckets of a Prometheus histogram. Any thread may record and read.
public final class LatencyHistogram: Sendable {
    /// Upper bounds in seconds.
    public static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// What was recorded since the start.
    public struct State: Sendable {
        /// By bucket; the last one is for what is beyond all bounds.
        public internal(set) var counts = [UInt64](repeating: 0, count: LatencyHistogram.bounds.count + 1)
        /// In seconds.
        public internal(set) var sum: Double = 0
    }

    private let state: Mutex<State>

    /// Nothing recorded.
    public init() { state = Mutex(State()) }

    /// Any thread may.
    public func record(_ duration: Duration) {
        let seconds = duration.seconds
        let bucket = LatencyHistogram.bounds.firstIndex { seconds <= $0 } ?? LatencyHistogram.bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += seconds
        }
    }

    /// A consistent copy.
    public var snapshot: State { state.withLock { $0 } }
}
