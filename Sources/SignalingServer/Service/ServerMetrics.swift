internal import Primitives
internal import SocketIO

/// What the serving thread counts.
struct ServerMetrics: Sendable {
    var logins: UInt64 = 0
    var loginFailures: UInt64 = 0
    var loginsThrottled: UInt64 = 0
    var refreshes: UInt64 = 0
    var responses: [Int: UInt64] = [:]
    var disconnects: [DisconnectReason: UInt64] = [:]
    let loop = LatencyHistogram()

    /// How long everything that waited was worked on before the transport was looked at again: what an event that
    /// arrived meanwhile had to wait.
    func loopTurn(_ duration: Duration) { loop.record(duration) }
}
