/// The numbers of RFC 8445, 7675 and 8863, and our limits.
public struct ICEConfiguration: Sendable {
    /// Ta: the pace at which new transactions start (RFC 8445 section 14.2).
    public var pacing: Duration
    /// The least retransmission timeout (RFC 8445 section 14.3).
    public var minimumRTO: Duration
    /// Rc: how often a request is sent in all (RFC 8489 section 6.2.1).
    public var maximumTransmissions: Int
    /// Rm: the last wait in multiples of the RTO.
    public var lastWaitFactor: Int
    /// The interval of consent checks, randomized by 0.8 … 1.2 (RFC 7675 section 5.1).
    public var consentInterval: Duration
    /// After this long without a valid answer consent is gone.
    public var consentTimeout: Duration
    /// A path on which nothing was received for this long, although we asked, is `disconnected`.
    public var disconnectedTimeout: Duration
    /// How long to wait for pairs to come up before failing, whatever candidates say (RFC 8863).
    public var patience: Duration
    /// How long the controlling side waits for a better pair before it nominates.
    public var nominationDelay: Duration
    /// How much later than its address becomes known a peer is let in at our relays, when it may be reached without them.
    public var directHeadStart: Duration
    /// How long after the first nomination checks of aggressive nomination may still be under way.
    public var nominationSettling: Duration
    /// How long a STUN or TURN server may take before gathering is called complete without it.
    public var gatheringTimeout: Duration
    /// Keepalives on idle server-reflexive bases (Tr, RFC 8445 section 11).
    public var keepaliveInterval: Duration
    /// The most pairs that are checked (RFC 8445 section 6.1.2.5).
    public var maximumPairs: Int
    /// The most remote candidates that are kept, peer-reflexive ones included.
    public var maximumRemoteCandidates: Int

    /// The defaults are the standards' where a standard names one; tests pass others.
    public init(
        pacing: Duration = .milliseconds(50), minimumRTO: Duration = .milliseconds(500),
        maximumTransmissions: Int = 7, lastWaitFactor: Int = 16, consentInterval: Duration = .seconds(5),
        consentTimeout: Duration = .seconds(30), disconnectedTimeout: Duration = .seconds(5),
        patience: Duration = .milliseconds(39_500), nominationDelay: Duration = .milliseconds(300),
        directHeadStart: Duration = .milliseconds(100), nominationSettling: Duration = .seconds(2),
        gatheringTimeout: Duration = .seconds(5), keepaliveInterval: Duration = .seconds(15), maximumPairs: Int = 100,
        maximumRemoteCandidates: Int = 64
    ) {
        self.pacing = pacing
        self.minimumRTO = minimumRTO
        self.maximumTransmissions = maximumTransmissions
        self.lastWaitFactor = lastWaitFactor
        self.consentInterval = consentInterval
        self.consentTimeout = consentTimeout
        self.disconnectedTimeout = disconnectedTimeout
        self.patience = patience
        self.nominationDelay = nominationDelay
        self.directHeadStart = directHeadStart
        self.nominationSettling = nominationSettling
        self.gatheringTimeout = gatheringTimeout
        self.keepaliveInterval = keepaliveInterval
        self.maximumPairs = maximumPairs
        self.maximumRemoteCandidates = maximumRemoteCandidates
    }
}
