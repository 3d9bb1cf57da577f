import Primitives

/// Which peers an allocation lets in (permissions, RFC 8656 section 9), and which have a channel (section 12). Both are
/// refreshed before the server forgets them: permissions every four minutes of their five, channels before their ten are
/// over.
struct TURNPeers: Sendable {
    private struct Permission: Sendable {
        let address: IPAddress
        var isGranted: Bool
        /// In the distant future while the server is being asked.
        var refreshAt: Instant
    }

    private struct Channel: Sendable {
        let number: UInt16
        let peer: SocketAddress
        var isBound: Bool
        var refreshAt: Instant
    }

    /// Where a permission stands.
    enum Admission: Equatable, Sendable {
        case granted
        /// The server was asked before.
        case asked
        /// The server is to be asked.
        case new
        case tooMany
    }

    private static let maximumPermissions = 64
    private static let maximumChannels = 16

    private var permissions: [Permission]
    private var channels: [Channel]
    private var nextChannel: UInt16

    /// 0x4000 … 0x4FFF (RFC 8656 section 12); a random start tells generations of one base apart.
    init(random: inout RandomSource) {
        permissions = []
        channels = []
        nextChannel = 0x4000 | UInt16(truncatingIfNeeded: random.next()) & 0x07FF
    }

    mutating func removeAll() {
        permissions.removeAll()
        channels.removeAll()
    }

    // MARK: Permissions

    mutating func permit(_ peer: IPAddress) -> Admission {
        if let known = permissions.first(where: { $0.address == peer }) { return known.isGranted ? .granted : .asked }
        guard permissions.count < TURNPeers.maximumPermissions else { return .tooMany }
        permissions.append(Permission(address: peer, isGranted: false, refreshAt: .distantFuture))
        return .new
    }

    /// Whether there is room for the address, or it is known.
    func hasRoom(for peer: IPAddress) -> Bool { permissions.count < TURNPeers.maximumPermissions || isKnown(peer) }

    func isKnown(_ peer: IPAddress) -> Bool { permissions.contains { $0.address == peer } }

    func isPermitted(_ peer: IPAddress) -> Bool { permissions.contains { $0.address == peer && $0.isGranted } }

    /// The server lets it in. False when it did before.
    mutating func grant(_ peer: IPAddress, now: Instant) -> Bool {
        guard let index = permissions.firstIndex(where: { $0.address == peer }) else { return false }
        let isNew = !permissions[index].isGranted
        permissions[index].isGranted = true
        // "the Permission Lifetime MUST be 300 seconds" (section 9)
        permissions[index].refreshAt = now + .seconds(240)
        return isNew
    }

    /// The server does not let it in.
    mutating func deny(_ peer: IPAddress) {
        permissions.removeAll { $0.address == peer }
        channels.removeAll { $0.peer.address == peer }
    }

    /// Lets the permissions of all other addresses end: they are not refreshed any more. One that a channel needs stays.
    mutating func retain(_ peers: Set<IPAddress>) {
        permissions.removeAll { permission in
            !peers.contains(permission.address) && !channels.contains { $0.peer.address == permission.address }
        }
    }

    // MARK: Channels

    /// The number of a channel that is to be bound; nil when the peer has one, or there are too many.
    mutating func openChannel(to peer: SocketAddress) -> UInt16? {
        guard !channels.contains(where: { $0.peer == peer }), channels.count < TURNPeers.maximumChannels else {
            return nil
        }
        let number = nextChannel
        nextChannel = nextChannel == 0x4FFF ? 0x4000 : nextChannel + 1
        channels.append(Channel(number: number, peer: peer, isBound: false, refreshAt: .distantFuture))
        return number
    }

    /// The server has bound it. False when it had before, or when it is gone.
    mutating func bind(_ number: UInt16, now: Instant) -> Bool {
        guard let index = channels.firstIndex(where: { $0.number == number }) else { return false }
        let isNew = !channels[index].isBound
        channels[index].isBound = true
        // Bindings live ten minutes (section 12), and refresh the permission of the peer's address too.
        channels[index].refreshAt = now + .seconds(540)
        return isNew
    }

    mutating func closeChannel(_ number: UInt16) { channels.removeAll { $0.number == number } }

    /// The bound channel to a peer.
    func channel(to peer: SocketAddress) -> UInt16? { channels.first { $0.peer == peer && $0.isBound }?.number }

    func peer(ofChannel number: UInt16) -> SocketAddress? { channels.first { $0.number == number }?.peer }

    // MARK: Time

    /// What the server is to be asked for again now.
    mutating func takeDue(now: Instant) -> [TURNRequest.Kind] {
        var due: [TURNRequest.Kind] = []
        let addresses = permissions.filter { $0.refreshAt <= now }.map(\.address)
        for index in permissions.indices where permissions[index].refreshAt <= now {
            permissions[index].refreshAt = .distantFuture
        }
        for isIPv4 in [true, false] {
            let family = addresses.filter { $0.isIPv4 == isIPv4 }
            if !family.isEmpty { due.append(.createPermission(family)) }
        }
        for index in channels.indices where channels[index].refreshAt <= now {
            channels[index].refreshAt = .distantFuture
            due.append(.channelBind(channels[index].number, channels[index].peer))
        }
        return due
    }

    var nextTimeout: Instant? {
        var earliest = Instant.distantFuture
        for index in permissions.indices { earliest = min(earliest, permissions[index].refreshAt) }
        for index in channels.indices { earliest = min(earliest, channels[index].refreshAt) }
        return earliest < .distantFuture ? earliest : nil
    }
}
