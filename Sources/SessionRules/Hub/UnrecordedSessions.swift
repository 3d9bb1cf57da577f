internal import Signaling

/// Sessions whose beginning is not in the records yet. One that both sides know of survives whatever happens to the server, so it is
/// recorded first and spoken of afterwards.
struct UnrecordedSessions: Sendable {
    private struct Entry: Sendable {
        /// What will be said of it.
        var deliveries: [(Delivery, Address)] = []
        /// Who asked for it, and hears of it in any case.
        var starts: [PendingReply] = []
    }

    private var entries: [String: Entry] = [:]

    mutating func began(_ session: String) { entries[session] = Entry() }

    mutating func asked(_ session: String, _ reply: PendingReply) { entries[session]?.starts.append(reply) }

    /// - Returns: false where the session is recorded, and nothing is kept back.
    mutating func keepBack(_ delivery: Delivery, to address: Address, of session: String) -> Bool {
        entries[session]?.deliveries.append((delivery, address)) != nil
    }

    func contains(_ session: String) -> Bool { entries[session] != nil }

    /// It is recorded.
    /// - Returns: what was kept back, in order.
    mutating func recorded(_ session: String) -> [(Delivery, Address)] {
        entries.removeValue(forKey: session)?.deliveries ?? []
    }

    /// It could not be recorded.
    /// - Returns: who asked for it.
    mutating func failed(_ session: String) -> [PendingReply] { entries.removeValue(forKey: session)?.starts ?? [] }
}
