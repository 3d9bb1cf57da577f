internal import Configuration
internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Service
internal import SessionRules
internal import SocketIO

extension Server {
    // MARK: Memory held for clients

    /// Says whose a request is, which names its Engine.IO session: until then it is a stranger's.
    func attribute(_ request: HTTPRequest, _ handshake: EngineIOHandshake) {
        guard let account = account(of: handshake) else { return }
        transport.attribute(request.id, to: account)
    }

    func account(of handshake: EngineIOHandshake) -> String? {
        socketIO.acceptedSocket(of: handshake).flatMap { hub.account(of: $0) }
    }

    /// Looks who holds too much when clients may hold a good deal more than at the last look.
    func watchMemory() {
        guard socketIO.bytesPutAside &- bytesPutAside > UInt64(Server.memoryStep) else { return }
        settleMemory()
    }

    private static let memoryStep = 1 << 20

    /// Ends whoever must go for the limits to be kept.
    func settleMemory() {
        bytesPutAside = socketIO.bytesPutAside
        let limits = configuration.limits
        let connections = transport.holdings.map {
            ByteLedger.Entry(
                holder: .connection($0.connection), account: $0.account, address: $0.address, bytes: $0.bytes,
                arrival: $0.since)
        }
        let clients = socketIO.holdings.map { holding in
            ByteLedger.Entry(
                holder: .client(holding.holder), account: holding.owner, address: holding.address, bytes: holding.bytes,
                arrival: holding.since)
        }
        metrics.clientBytes = clients.reduce(0) { $0 + $1.bytes }
        var ledger = ByteLedger(
            ByteLedger.Limits(
                total: limits.memory.bytes, perAccount: limits.memoryPerAccount.bytes,
                perAddress: limits.memoryPerAddress.bytes), connections + clients)
        let gone = ledger.whoMustGo()
        guard !gone.isEmpty else { return }
        log.repeated(.warning, "memory-limit", "connections were closed for the memory that they held")
        metrics.evictions += UInt64(gone.count)
        for holder in gone {
            switch holder {
            case .connection(let id): transport.evict(id)
            case .client(let client): socketIO.evict(client)
            }
        }
    }
}
