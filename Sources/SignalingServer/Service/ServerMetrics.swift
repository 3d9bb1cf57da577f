import JSON
import Primitives
internal import SessionRules
import SocketIO

/// What the serving thread counts.
struct ServerMetrics: Sendable {
    var logins: UInt64 = 0
    var loginFailures: UInt64 = 0
    var loginsThrottled: UInt64 = 0
    var refreshes: UInt64 = 0
    var responses: [Int: UInt64] = [:]
    var disconnects: [DisconnectReason: UInt64] = [:]
    /// Connections and clients closed for the memory that they held.
    var evictions: UInt64 = 0
    /// Bytes kept for clients between their requests, when that was last looked at.
    var clientBytes: Int = 0
    let loop = LatencyHistogram()

    /// How long everything that waited was worked on before the transport was looked at again: what an event that
    /// arrived meanwhile had to wait.
    func loopTurn(_ duration: Duration) { loop.record(duration) }
}
