import Primitives

/// The supervisor's side of the server link: whether the server knows this kiosk, and how long live sessions go on when it
/// does not. Media outlives the server, which may be restarted meanwhile, but not for long: nobody here hears any more that
/// the session was ended or the monitor's account taken away.
struct ServerPresence: Sendable {
    /// How long a live session goes on without the server.
    var patience: Duration
    /// When the kiosk was registered last; nil while it is.
    private var lostAt: Instant?

    /// Not lost yet.
    init(patience: Duration) {
        self.patience = patience
        lostAt = nil
    }

    /// When live sessions end; nil while the server is there.
    var deadline: Instant? { lostAt.map { $0 + patience } }

    /// Whether the server knows this kiosk now.
    mutating func isHere(_ isHere: Bool, now: Instant) { lostAt = isHere ? nil : lostAt ?? now }
}
