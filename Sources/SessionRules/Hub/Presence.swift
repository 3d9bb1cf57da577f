internal import JSON
public import Primitives
public import Signaling
public import SocketIO

/// Which kiosks are online and what they say of themselves, and which monitors listen. No clock, no socket.
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
    }

    private var kiosks: [String: Kiosk]
    /// Kiosks seen since `takeLastSeen`, and those that are offline now.
    private var lastSeen: [String: WallClock]
    private var unsavedLastSeen: Set<String>
    /// What kiosks that are away said of themselves last: a camera that was missing then is missing until they say otherwise.
    private var lastStatus: [String: JSONObject]
    private var monitors: [String: Set<SocketID>]
    /// One entry for each sign of life, in order because all silences are equally long.
    private var silenceDeadlines: RingBuffer<(at: Instant, kiosk: String, socket: SocketID)>

    /// Nobody is here.
    public init() {
        kiosks = [:]
        lastSeen = [:]
        unsavedLastSeen = []
        lastStatus = [:]
        monitors = [:]
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

    /// Of an organization, registered.
    public func monitors(of organization: String) -> Set<SocketID> { monitors[organization] ?? [] }

    // MARK: Kiosks

    /// - Returns: its earlier socket, when that was still open.
    public mutating func kioskRegistered(
        _ id: String, organization: String, socket: SocketID, now: Moment
    ) -> SocketID? {
        let earlier = kiosks[id]?.socket
        let status = kiosks[id]?.status ?? lastStatus.removeValue(forKey: id) ?? JSONObject()
        kiosks[id] = Kiosk(
            organization: organization, socket: socket, isOnline: true, lastHeartbeat: now.instant, status: status)
        saw(id, now)
        silenceDeadlines.append((now.instant + Presence.silenceLimit, id, socket))
        return earlier == socket ? nil : earlier
    }

    /// - Returns: whether its entry changed, and whether it came back from being silent.
    public mutating func heartbeat(
        of id: String, status: KioskStatus, now: Moment
    ) -> (isChanged: Bool, cameBack: Bool) {
        guard var kiosk = kiosks[id] else { return (false, false) }
        let cameBack = !kiosk.isOnline
        let before = kiosk.status
        for member in status.fields.members { kiosk.status[member.name] = member.value }
        kiosk.isOnline = true
        kiosk.lastHeartbeat = now.instant
        silenceDeadlines.append((now.instant + Presence.silenceLimit, id, kiosk.socket))
        kiosks[id] = kiosk
        saw(id, now)
        return (kiosk.status != before, cameBack)
    }

    /// - Returns: whether the kiosk went offline by that: not when another socket has taken over or it was silent before.
    public mutating func kioskSocketLost(_ id: String, socket: SocketID, now: Moment) -> Bool {
        guard let kiosk = kiosks[id], kiosk.socket == socket else { return false }
        kiosks[id] = nil
        lastStatus[id] = kiosk.status
        if kiosk.isOnline { saw(id, now) }
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

    /// When the first kiosk may have been silent for too long; earlier when it has given a sign of life since.
    public var nextTimeout: Instant? { silenceDeadlines.first?.at }

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

    private mutating func saw(_ id: String, _ now: Moment) {
        lastSeen[id] = now.wall
        unsavedLastSeen.insert(id)
    }

    /// What the records do not know yet of when kiosks were last seen.
    public mutating func takeLastSeen() -> [(id: String, at: WallClock)] {
        defer { unsavedLastSeen.removeAll(keepingCapacity: true) }
        return unsavedLastSeen.compactMap { id in lastSeen[id].map { (id, $0) } }
    }

    // MARK: Monitors

    /// A socket of a monitor hears of its organization's kiosks from now on.
    public mutating func monitorRegistered(organization: String, socket: SocketID) {
        monitors[organization, default: []].insert(socket)
    }

    /// It hears nothing any more.
    public mutating func monitorLost(organization: String, socket: SocketID) {
        monitors[organization]?.remove(socket)
        if monitors[organization]?.isEmpty == true { monitors[organization] = nil }
    }
}
