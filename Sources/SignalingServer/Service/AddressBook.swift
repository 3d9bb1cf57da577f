internal import Primitives

/// How many WebSockets each address holds.
struct AddressBook: Sendable {
    private let limit: Int
    private var counts: [IPAddress: Int]
    private var addresses: [ConnectionID: IPAddress]

    init(limit: Int) {
        self.limit = limit
        counts = [:]
        addresses = [:]
    }

    /// - Returns: false when the address has too many; the connection is not counted then.
    mutating func opened(_ connection: ConnectionID, from address: IPAddress) -> Bool {
        let count = counts[address.prefix64, default: 0]
        guard count < limit else { return false }
        counts[address.prefix64] = count + 1
        addresses[connection] = address.prefix64
        return true
    }

    mutating func closed(_ connection: ConnectionID) {
        guard let address = addresses.removeValue(forKey: connection), let count = counts[address] else { return }
        counts[address] = count > 1 ? count - 1 : nil
    }
}
