import Congestion
import Primitives

/// How many times a lost packet is sent again for one request.
///
/// A repair that is lost too costs the receiver one more of its request intervals, 100 ms and more, and with it a picture
/// that stands still long enough to be seen. Where a path loses many packets at any rate, two copies of a repair make that
/// as rare as the square of the loss, for as much again as the loss itself: too much where little is lost. Where packets
/// are lost for want of room, a second copy would only make it worse: one copy while there is a queue.
struct RepairCopies: Sendable {
    /// From here on two, by the share of packets lost.
    static let begin = 0.075
    /// Below, one again.
    static let end = 0.055
    /// A path whose packets stand longer than this is full.
    static let longestQueue = Duration.milliseconds(40)

    private(set) var count = 1

    /// - Parameters:
    ///   - loss: the share of packets lost over the last seconds.
    ///   - usage: what the trend of delays says of the path.
    ///   - queueDelay: how long packets stand on the path; nil when the peer does not tell.
    mutating func update(loss: Double, usage: BandwidthUsage, queueDelay: Duration?) {
        let mayBeFull = usage == .overusing || queueDelay.map { $0 > RepairCopies.longestQueue } ?? true
        if mayBeFull || loss < RepairCopies.end {
            count = 1
        } else if loss >= RepairCopies.begin {
            count = 2
        }
    }

    /// The share of what is sent that goes into repairs, at this loss.
    func share(of loss: Double) -> Double {
        guard loss > 0 else { return 0 }
        guard loss < 1 else { return 1 }
        var allLost = 1.0
        for _ in 0..<count { allLost *= loss }
        let repairs = Double(count) * loss / (1 - allLost)
        return repairs / (1 + repairs)
    }
}
