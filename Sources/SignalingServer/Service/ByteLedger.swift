internal import JSON
internal import Primitives
internal import SessionRules
internal import SocketIO

/// Who must go when more is held in memory for clients than may be. It is drawn up anew each time that holdings have
/// grown; between two times nothing is kept.
struct ByteLedger {
    struct Limits: Sendable {
        /// Bytes held for all.
        var total: Int
        /// For one account, over all its connections.
        var perAccount: Int
        /// For the strangers of one address (of one /64 in IPv6).
        var perAddress: Int
    }

    enum Holder: Hashable {
        case connection(UInt64)
        case client(SocketIOHolding.Holder)
    }

    struct Entry {
        var holder: Holder
        /// Nil for a stranger's.
        var account: String?
        var address: IPAddress?
        var bytes: Int
        /// When the client came.
        var arrival: Instant
    }

    private let limits: Limits
    private var entries: [Entry]

    init(_ limits: Limits, _ entries: [Entry]) {
        self.limits = limits
        self.entries = entries
    }

    /// An account that holds too much loses its greatest holder, an address with too many strangers its newest one. Then
    /// all together: the newest stranger first, and when there is none left, the greatest holder.
    mutating func whoMustGo() -> [Holder] {
        var gone: [Holder] = []
        for (_, bytes, mine) in groups(by: \.account) where bytes > limits.perAccount {
            gone += remove(bytes - limits.perAccount, from: mine.sorted { $0.bytes > $1.bytes })
        }
        for (_, bytes, mine) in groups(by: { $0.account == nil ? $0.address : nil }) where bytes > limits.perAddress {
            gone += remove(bytes - limits.perAddress, from: mine.sorted { $0.arrival > $1.arrival })
        }
        let excess = entries.reduce(0) { $0 + $1.bytes } - limits.total
        if excess > 0 {
            let strangers = entries.filter { $0.account == nil }.sorted { $0.arrival > $1.arrival }
            let others = entries.filter { $0.account != nil }.sorted { $0.bytes > $1.bytes }
            gone += remove(excess, from: strangers + others)
        }
        return gone
    }

    private func groups<Key: Hashable>(by key: (Entry) -> Key?) -> [(Key, bytes: Int, entries: [Entry])] {
        var groups: [Key: [Entry]] = [:]
        for entry in entries {
            if let key = key(entry) { groups[key, default: []].append(entry) }
        }
        return groups.map { ($0.key, $0.value.reduce(0) { $0 + $1.bytes }, $0.value) }
    }

    /// Strikes entries out, in that order, until so many bytes are gone.
    private mutating func remove(_ bytes: Int, from candidates: [Entry]) -> [Holder] {
        var left = bytes
        var gone: [Holder] = []
        for entry in candidates where left > 0 {
            left -= entry.bytes
            gone.append(entry.holder)
        }
        let struck = Set(gone)
        entries.removeAll { struck.contains($0.holder) }
        return gone
    }
}
