internal import HTTPTransport
internal import Primitives
internal import SocketIO

/// Looks now and then at what is held in memory for clients, and says who must go for the limits to be kept.
struct MemoryWatch {
    private let limits: ByteLedger.Limits
    /// `SocketIOServer.bytesPutAside` at the last look.
    private var bytesPutAside: UInt64
    /// Held for clients between their requests, at the last look.
    private(set) var clientBytes: Int
    /// Connections and clients that had to go.
    private(set) var evictions: UInt64

    private static let step: UInt64 = 1 << 20

    init(_ limits: ByteLedger.Limits) {
        self.limits = limits
        bytesPutAside = 0
        clientBytes = 0
        evictions = 0
    }

    /// Whether clients may hold a good deal more than at the last look.
    func isDue(_ bytesPutAside: UInt64) -> Bool { bytesPutAside &- self.bytesPutAside > Self.step }

    mutating func whoMustGo(
        _ connections: [HTTPHolding], _ clients: [SocketIOHolding], bytesPutAside: UInt64
    ) -> [ByteLedger.Holder] {
        self.bytesPutAside = bytesPutAside
        let connections = connections.map {
            ByteLedger.Entry(
                holder: .connection($0.connection), account: $0.account, address: $0.address, bytes: $0.bytes,
                arrival: $0.since)
        }
        let clients = clients.map {
            ByteLedger.Entry(
                holder: .client($0.holder), account: $0.owner, address: $0.address, bytes: $0.bytes,
                arrival: $0.since)
        }
        clientBytes = clients.reduce(0) { $0 + $1.bytes }
        var ledger = ByteLedger(limits, connections + clients)
        let gone = ledger.whoMustGo()
        evictions += UInt64(gone.count)
        return gone
    }
}
