internal import Primitives

/// Deadlines of each kind in the order in which they fall due: every duration is the same for all sessions. A stale one is known by its
/// epoch, which its session has left behind.
struct EngineIODeadlines: Sendable {
    enum Kind: Sendable {
        case ping, pong, upgrade
    }

    struct Entry: Sendable {
        let at: Instant
        let session: EngineIOServer.SessionID
        let epoch: UInt32
    }

    private(set) var pings: RingBuffer<Entry>
    private(set) var pongs: RingBuffer<Entry>
    private var upgrades: RingBuffer<Entry>

    init() {
        pings = RingBuffer()
        pongs = RingBuffer()
        upgrades = RingBuffer()
    }

    mutating func set(_ kind: Kind, at: Instant, _ session: EngineIOServer.SessionID, epoch: UInt32) {
        let entry = Entry(at: at, session: session, epoch: epoch)
        switch kind {
        case .ping: pings.append(entry)
        case .pong: pongs.append(entry)
        case .upgrade: upgrades.append(entry)
        }
    }

    /// The next one of that kind, if it is due.
    mutating func take(_ kind: Kind, now: Instant) -> Entry? {
        switch kind {
        case .ping: EngineIODeadlines.take(&pings, now)
        case .pong: EngineIODeadlines.take(&pongs, now)
        case .upgrade: EngineIODeadlines.take(&upgrades, now)
        }
    }

    private static func take(_ entries: inout RingBuffer<Entry>, _ now: Instant) -> Entry? {
        guard let first = entries.first, first.at <= now else { return nil }
        return entries.popFirst()
    }

    /// The earliest of all; nil when there is none.
    var next: Instant? {
        var earliest: Instant?
        if let at = pings.first?.at { earliest = at }
        if let at = pongs.first?.at, at < earliest ?? .distantFuture { earliest = at }
        if let at = upgrades.first?.at, at < earliest ?? .distantFuture { earliest = at }
        return earliest
    }
}
