internal import Primitives

/// How many connections there are, and whether another one may come.
struct ConnectionLimits {
    private let maximum: Int
    private let maximumPerAddress: Int
    private let proxies: [IPAddress]
    private var countByAddress: [IPAddress: Int]
    /// Connections open.
    private(set) var count: Int

    init(_ configuration: HTTPServerConfiguration) {
        maximum = configuration.maximumConnections
        maximumPerAddress = configuration.maximumConnectionsPerAddress
        proxies = configuration.proxies
        countByAddress = [:]
        count = 0
    }

    /// Whether an address stands for many clients.
    func isProxy(_ address: IPAddress) -> Bool { proxies.contains(address) }

    func admits(_ address: IPAddress) -> Bool {
        count < maximum && (isProxy(address) || countByAddress[address.prefix64, default: 0] < maximumPerAddress)
    }

    mutating func opened(from address: IPAddress) {
        count += 1
        countByAddress[address.prefix64, default: 0] += 1
    }

    mutating func closed(from address: IPAddress) {
        count -= 1
        let others = countByAddress[address.prefix64, default: 1] - 1
        countByAddress[address.prefix64] = others > 0 ? others : nil
    }
}
