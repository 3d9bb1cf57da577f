internal import Primitives

/// How many sessions and handshakes one address (one /64 in IPv6) may have.
struct EngineIOAdmission: Sendable {
    private let maximumSessions: Int
    private var sessions: [IPAddress: Int]
    private var handshakes: TokenBuckets<IPAddress>

    init(_ configuration: SocketIOServerConfiguration) {
        maximumSessions = configuration.maximumSessionsPerAddress
        sessions = [:]
        let rate = configuration.handshakesPerSecondPerAddress
        handshakes = TokenBuckets(
            burst: rate.multipliedReportingOverflow(by: 10).overflow ? rate : rate * 10, perSecond: Double(rate))
    }

    /// Whether a client there may begin a session. Where that is, is not known of all.
    mutating func admits(_ address: IPAddress?, now: Instant) -> Bool {
        guard let address else { return true }
        return sessions[address, default: 0] < maximumSessions && handshakes.take(address, now: now)
    }

    mutating func opened(_ address: IPAddress) { sessions[address, default: 0] += 1 }

    mutating func closed(_ address: IPAddress) {
        let others = sessions[address, default: 1] - 1
        sessions[address] = others > 0 ? others : nil
    }
}
