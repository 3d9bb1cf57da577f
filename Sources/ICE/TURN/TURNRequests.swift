import Primitives
import STUN

/// A request to a TURN server that waits for its response.
struct TURNRequest: Sendable {
    enum Kind: Hashable, Sendable {
        case allocate
        case refresh
        case deallocate
        case createPermission([IPAddress])
        case channelBind(UInt16, SocketAddress)
    }

    let id: TransactionID
    let kind: Kind
    /// How often it was refused for want of (fresh) authentication.
    let refusals: Int
    /// Whether it is sent with credentials.
    let isAuthenticated: Bool
    fileprivate var transmissions: Int
    fileprivate var nextAt: Instant
}

/// The requests that are under way, and when each is sent again or given up (RFC 8489 section 6.2).
struct TURNRequests: Sendable {
    private var open: [TURNRequest]
    private let minimumRTO: Duration
    /// A stream loses nothing: one transmission, and the time in which the last of seven would have been given up.
    private let isStream: Bool

    init(minimumRTO: Duration, isStream: Bool) {
        open = []
        self.minimumRTO = minimumRTO
        self.isStream = isStream
    }

    private var maximumTransmissions: Int { isStream ? 1 : 7 }

    /// Whether a request has not been sent yet.
    var hasUnsent: Bool { open.contains { $0.transmissions == 0 } }

    mutating func submit(
        _ kind: TURNRequest.Kind, refusals: Int = 0, isAuthenticated: Bool, random: inout RandomSource, now: Instant
    ) {
        open.append(
            TURNRequest(
                id: .random(using: &random), kind: kind, refusals: refusals, isAuthenticated: isAuthenticated,
                transmissions: 0, nextAt: now))
    }

    /// The next request to be sent now; nil when there is none.
    mutating func nextDue(now: Instant) -> TURNRequest? {
        guard
            let index = open.firstIndex(where: { $0.nextAt <= now && $0.transmissions < maximumTransmissions })
        else { return nil }
        let count = open[index].transmissions + 1
        open[index].transmissions = count
        let factor = isStream ? 79 : count == maximumTransmissions ? 16 : 1 << (count - 1)
        open[index].nextAt = now + minimumRTO * factor
        // The response to a Refresh with lifetime 0 is not waited for.
        return open[index].kind == .deallocate ? open.remove(at: index) : open[index]
    }

    subscript(id: TransactionID) -> TURNRequest? { open.first { $0.id == id } }

    mutating func end(_ id: TransactionID) { open.removeAll { $0.id == id } }

    mutating func endAll() { open.removeAll() }

    /// Ends and returns a request that was not answered in time; nil when there is none.
    mutating func nextExpired(now: Instant) -> TURNRequest? {
        guard
            let index = open.firstIndex(where: { $0.nextAt <= now && $0.transmissions >= maximumTransmissions })
        else { return nil }
        return open.remove(at: index)
    }

    var nextTimeout: Instant? {
        var earliest: Instant?
        for index in open.indices { earliest = min(earliest ?? open[index].nextAt, open[index].nextAt) }
        return earliest
    }
}
