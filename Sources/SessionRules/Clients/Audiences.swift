internal import SocketIO

/// Which sockets of this node hear of an organization's kiosks: those of its registered monitors.
struct Audiences: Sendable {
    /// In order; the newest socket has the greatest number and is mostly the one that comes.
    private var monitors: [String: [SocketID]]

    init() { monitors = [:] }

    /// In order.
    func monitors(of organization: String) -> [SocketID] { monitors[organization] ?? [] }

    /// It may have been one before.
    mutating func joined(_ socket: SocketID, _ organization: String) {
        let others = monitors[organization] ?? []
        let place = others.firstIndex { $0 >= socket } ?? others.endIndex
        guard place == others.endIndex || others[place] != socket else { return }
        monitors[organization, default: []].insert(socket, at: place)
    }

    mutating func left(_ socket: SocketID, _ organization: String) {
        monitors[organization]?.removeAll { $0 == socket }
        if monitors[organization]?.isEmpty == true { monitors[organization] = nil }
    }
}
