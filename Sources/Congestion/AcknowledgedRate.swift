import Primitives

/// The rate at which packets arrive at the receiver: an average over half a second whose weight follows how far each
/// sample lies off (the acknowledged bitrate of the browsers' control). Beside it the plain rate of the last moments:
/// while a queue stands on the path, that is what the path carries, long before an average says so.
struct AcknowledgedRate: Sendable {
    /// As long as a queue must stand to count: the path was busy all of it.
    static let recentWindow = QueueDelay.standingWindow

    /// Packets that overtook others arrive a little before those; what comes earlier than by this is another clock's time.
    static let disorder: Duration = .seconds(1)

    /// More packets than any path carries in the window: a peer may send the same time for ever.
    static let maximumArrivals = 1024

    struct Arrival: Sendable {
        var at: Instant
        var size: Int
    }

    private(set) var recentArrivals: RingBuffer<Arrival>
    private var recentSize: Int
    private var windowStart: Instant?
    private var size: Int
    private(set) var rate: Bitrate?
    private var variance: Double

    init() {
        recentArrivals = RingBuffer(capacity: 128)
        recentSize = 0
        windowStart = nil
        size = 0
        rate = nil
        variance = 50
    }

    /// The rate over the last moments; nil without enough packets for one.
    var recent: Bitrate? {
        guard let first = recentArrivals.first, let last = recentArrivals.last, recentArrivals.count >= 5 else {
            return nil
        }
        let interval = last.at - first.at
        guard interval >= AcknowledgedRate.recentWindow * 0.6 else { return nil }
        // What came with the first packet belongs to the time before it.
        return DataSize(bytes: recentSize - first.size) / interval
    }

    mutating func add(_ size: DataSize, arrival: Instant) {
        if let first = recentArrivals.first, first.at - arrival > AcknowledgedRate.disorder { beginAnew() }
        recentArrivals.append(Arrival(at: arrival, size: size.bytes))
        recentSize += size.bytes
        while let first = recentArrivals.first,
            arrival - first.at > AcknowledgedRate.recentWindow
                || recentArrivals.count > AcknowledgedRate.maximumArrivals
        {
            recentSize -= first.size
            _ = recentArrivals.popFirst()
        }
        guard let start = windowStart, arrival >= start else {
            if windowStart == nil { windowStart = arrival }
            self.size += size.bytes
            return
        }
        // The first estimate takes longer, the later ones follow faster.
        let window: Duration = rate == nil ? .milliseconds(250) : .milliseconds(150)
        let elapsed = arrival - start
        guard elapsed >= window else {
            self.size += size.bytes
            return
        }
        let sample = Double(self.size) * 8 / elapsed.milliseconds
        self.size = size.bytes
        windowStart = arrival
        // Silence is no measurement of the path.
        guard elapsed < .seconds(2) else { return }
        guard let current = rate.map({ Double($0.bitsPerSecond) / 1000 }) else {
            rate = .kilobits(sample)
            return
        }
        // A Kalman filter in kbit/s: a sample counts less the farther it lies off, downwards still less.
        let deviation = 10 * abs(current - sample) / (current + min(sample, 25))
        let sampleVariance = deviation * deviation
        let predicted = variance + 5
        let estimate = (sampleVariance * current + predicted * sample) / (sampleVariance + predicted)
        variance = sampleVariance * predicted / (sampleVariance + predicted)
        rate = .kilobits(max(0, estimate))
    }

    /// The receiver's clock was set back: the windows begin again; the rate stays what it was.
    private mutating func beginAnew() {
        recentArrivals.removeAll()
        recentSize = 0
        windowStart = nil
        size = 0
    }
}
