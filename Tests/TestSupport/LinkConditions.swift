public import Primitives

/// What one direction of an access link does to packets.
public struct LinkConditions: Sendable {
    /// One way.
    public var latency: Duration
    /// Added to the latency, uniformly from zero to this; packets keep their order unless `reordering` says otherwise.
    public var jitter: Duration
    /// The share of packets that is lost, 0 … 1, each on its own.
    public var loss: Double
    /// Loss in bursts: the chance that one begins at a packet, and how many packets it then takes.
    public var burstChance: Double
    public var burstLength: Int
    /// The share of packets that comes twice.
    public var duplication: Double
    /// The share of packets that is held back by `reorderingDelay` and so overtaken.
    public var reordering: Double
    public var reorderingDelay: Duration
    /// The link's rate; nil is without limit.
    public var rate: Bitrate?
    /// How long the queue before the link may become; what would wait longer is dropped.
    public var queueLimit: Duration
    /// A cut cable.
    public var isDown: Bool

    public init(
        latency: Duration = .milliseconds(10), jitter: Duration = .zero, loss: Double = 0, burstChance: Double = 0,
        burstLength: Int = 0, duplication: Double = 0, reordering: Double = 0,
        reorderingDelay: Duration = .milliseconds(20), rate: Bitrate? = nil,
        queueLimit: Duration = .milliseconds(150), isDown: Bool = false
    ) {
        self.latency = latency
        self.jitter = jitter
        self.loss = loss
        self.burstChance = burstChance
        self.burstLength = burstLength
        self.duplication = duplication
        self.reordering = reordering
        self.reorderingDelay = reorderingDelay
        self.rate = rate
        self.queueLimit = queueLimit
        self.isDown = isDown
    }
}
