internal import JSON
internal import Primitives
internal import Signaling
internal import SocketIO

/// Registered clients whose sockets were lost and who may return as what they were (connection state recovery).
struct RecoverableClients: Sendable {
    private let window: Duration?
    private var states: [SocketID: ClientState]
    private var deadlines: RingBuffer<(at: Instant, socket: SocketID)>

    /// - Parameter window: nil where nobody returns.
    init(window: Duration?) {
        self.window = window
        states = [:]
        deadlines = RingBuffer()
    }

    mutating func lost(_ socket: SocketID, _ state: ClientState, now: Instant) {
        guard let window else { return }
        states[socket] = state
        deadlines.append((now + window, socket))
    }

    /// - Returns: what it was, if it was that account's; it can be taken up once.
    mutating func takeReturned(_ socket: SocketID, as account: String) -> ClientState? {
        guard states[socket]?.account == account else { return nil }
        return states.removeValue(forKey: socket)
    }

    /// Of an organization, in order.
    func monitors(of organization: String) -> [SocketID] {
        guard !states.isEmpty else { return [] }
        return states.filter { $0.value.role == .monitor && $0.value.organization == organization }.keys.sorted()
    }

    mutating func handleTimeout(now: Instant) {
        while let next = deadlines.first, next.at <= now {
            _ = deadlines.popFirst()
            states[next.socket] = nil
        }
    }
}
