internal import JSON
public import Primitives
public import Signaling
public import SocketIO

/// Which kiosks are online and what they say of themselves. No clock, no socket.
///
/// A kiosk is online from its registration until its socket is gone or has given no heartbeat for `silenceLimit`.
public struct Presence: Sendable {
    /// Three heartbeats.
    public static let silenceLimit: Duration = .seconds(90)
    /// How often a kiosk is asked to give a sign of life.
    public static let heartbeatInterval: Duration = .seconds(30)

    struct Kiosk: Sendable {
        let organization: String
        var socket: SocketID
        /// False once it has been silent for too long; its next heartbeat brings it back.
        var isOnline: Bool
        var lastHeartbeat: Instant
        var status: JSONObject

        /// - Returns: whether that is news.
        mutating func takeStatus(_ fields: JSONObject) -> Bool {
            var isChanged = false
            for member in fields.members where status[member.name] != member.value {
                status[member.name] = member.value
                isChanged = true
            }
            return isChanged
        }
    }

    private var kiosks: [String: Kiosk]
    private var lastSeen: LastSeen
    /// What kiosks that are away said of themselves last: a camera that was missing then is missing until they say otherwise.
    private var lastStatus: [String: JSONObject]
    /// One entry for each sign of life, in order because all silences are equally long.
    private var silenceDeadlines: RingBuffer<(at: Instant, kiosk: String, socket: SocketID)>

    /// Nobody is here.
    public init() {
        kiosks = [:]
        lastSeen = LastSeen()
        lastStatus = [:]
        silenceDeadlines = RingBuffer()
    }

    /// Kiosks that are registered and alive.
    public var onlineCount: Int { kiosks.values.count { $0.isOnline } }

    /// The registered socket of a kiosk that is online.
    public func socket(ofOnlineKiosk id: String) -> SocketID? {
        kiosks[id].flatMap { $0.isOnline ? $0.socket : nil }
    }

    /// The registered socket of a kiosk, also of one that is silent.
    func socket(ofKiosk id: String) -> SocketID? { kiosks[id]?.socket }

    /// - Returns: its earlier socket, when that was still open.
    public mutating func kioskRegistered(
        _ id: String, organization: String, socket: SocketID, now: Moment
    ) -> SocketID? {
        let earlier = kiosks[id]?.socket
        let status = kiosks[id]?.status ?? lastStatus.removeValue(forKey: id) ?? JSONObject()
        kiosks[id] = Kiosk(
            organization: organization, socket: socket, isOnline: true, lastHeartbeat: now.instant, status: status)
        lastSeen.saw(id, at: now.wall)
        silenceDeadlines.append((now.instant + Presence.silenceLimit, id, socket))
        return earlier == socket ? nil : earlier
    }

    /// - Returns: whether its entry changed, and whether it came back from being silent.
    public mutating func heartbeat(
        of id: String, status: KioskStatus, now: Moment
    ) -> (isChanged: Bool, cameBack: Bool) {
        // In its place: each heartbeat comes through here.
        guard let index = kiosks.index(forKey: id) else { return (false, false) }
        let cameBack = !kiosks.values[index].isOnline
        let isChanged = kiosks.values[index].takeStatus(status.fields)
        kiosks.values[index].isOnline = true
        kiosks.values[index].lastHeartbeat = now.instant
        silenceDeadlines.append((now.instant + Presence.silenceLimit, id, kiosks.values[index].socket))
        lastSeen.saw(id, at: now.wall)
        return (isChanged, cameBack)
    }

    /// - Returns: whether the kiosk went offline by that: not when another socket has taken over or it was silent before.
    public mutating func kioskSocketLost(_ id: String, socket: SocketID, now: Moment) -> Bool {
        guard let kiosk = kiosks[id], kiosk.socket == socket else { return false }
        kiosks[id] = nil
        lastStatus[id] = kiosk.status
        if kiosk.isOnline { lastSeen.saw(id, at: now.wall) }
        return kiosk.isOnline
    }

    /// - Returns: kiosks that have been silent for too long and are offline now.
    public mutating func handleTimeout(now: Instant) -> [String] {
        var silent: [String] = []
        while let next = silenceDeadlines.first, next.at <= now {
            _ = silenceDeadlines.popFirst()
            guard let kiosk = kiosks[next.kiosk], kiosk.socket == next.socket, kiosk.isOnline else { continue }
            // A later heartbeat has an entry of its own further back.
            guard kiosk.lastHeartbeat + Presence.silenceLimit <= now else { continue }
            kiosks[next.kiosk]?.isOnline = false
            silent.append(next.kiosk)
        }
        return silent
    }

    /// When the first kiosk may have been silent for too long, earlier when it has given a sign of life since; or when the records are to
    /// learn who was seen.
    public var nextTimeout: Instant {
        guard let silence = silenceDeadlines.first?.at else { return lastSeen.nextTimeout }
        return min(silence, lastSeen.nextTimeout)
    }

    /// As monitors see it.
    public func entry(of account: Account, monitoredBy: String?) -> KioskEntry {
        let kiosk = kiosks[account.id]
        return KioskEntry(
            kioskId: account.id, displayName: account.displayName, online: kiosk?.isOnline ?? false,
            lastSeen: (lastSeen[account.id] ?? account.lastSeenAt)?.text, monitoredBy: monitoredBy,
            status: kiosk.map { KioskStatus(fields: $0.status) })
    }

    /// What other nodes are told of a kiosk of this one.
    func seen(_ id: String) -> (online: Bool, lastSeen: WallClock?, status: JSONObject?) {
        (kiosks[id]?.isOnline ?? false, lastSeen[id], kiosks[id]?.status)
    }

    /// What the records do not know yet of when kiosks were last seen.
    public mutating func takeLastSeen() -> [(id: String, at: WallClock)] { lastSeen.take() }

    /// The same where it is time that they learn it, else nothing.
    public mutating func takeLastSeenDue(now: Instant) -> [(id: String, at: WallClock)] { lastSeen.takeDue(now: now) }
}
