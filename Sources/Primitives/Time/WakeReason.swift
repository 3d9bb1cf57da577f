/// Why a machine wants to be called again.
public enum WakeReason: String, Sendable, CaseIterable {
    case iceCheck, iceRetransmission, iceGathering, iceConsent, iceKeepalive, iceDisconnected
    case turnRefresh, turnRetransmission, nameResolution
    case dtlsRetransmission, dtlsDeadline, dtlsRenewal
    case sctpHandshake, sctpRetransmission, sctpAcknowledgement, sctpHeartbeat
    case rtcpReport, keyframeRequest
    case pacer, probe, bandwidthUpdate
    case statistics, session
}

/// A deadline and its reason. One that is not in the future after `handleTimeout` is a programming error
/// that would spin the driver, so the driver traps on it and prints the reason.
public struct Wake: Hashable, Sendable {
    /// When to call `handleTimeout`.
    public var at: Instant
    /// For the driver's message where it is not in the future.
    public var reason: WakeReason

    /// Nothing is checked.
    @inlinable public init(at: Instant, reason: WakeReason) {
        self.at = at
        self.reason = reason
    }

    /// The earlier of two optional wakes.
    @inlinable public static func earliest(_ a: Wake?, _ b: Wake?) -> Wake? {
        guard let a else { return b }
        guard let b else { return a }
        return b.at < a.at ? b : a
    }
}
