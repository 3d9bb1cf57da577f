internal import Primitives

/// CONNECTs that the application looks at and does not accept: each costs it a look at a token, whether or not its client waits for the
/// refusal. Some are let through for each client, and for each address (each /64 in IPv6).
struct VainConnects: Sendable {
    private var byClient: TokenBuckets<EngineIOServer.SessionID>
    private var byAddress: TokenBuckets<IPAddress>

    init(perSecondPerAddress rate: Int) {
        byClient = TokenBuckets(burst: 2, perSecond: 1)
        byAddress = TokenBuckets(burst: rate, perSecond: Double(rate))
    }

    /// Whether the application may be asked about another one.
    mutating func take(_ session: EngineIOServer.SessionID, at address: IPAddress?, now: Instant) -> Bool {
        guard byClient.take(session, now: now) else { return false }
        return address.map { byAddress.take($0, now: now) } ?? true
    }

    /// The application has accepted one: it was not in vain.
    mutating func accepted(_ session: EngineIOServer.SessionID, at address: IPAddress?, now: Instant) {
        byClient.refill(session)
        if let address { byAddress.giveBack(address, now: now) }
    }
}
