/// How long records are kept; nil for ever.
public struct RetentionPeriods: Hashable, Sendable {
    /// Sessions since their end.
    public var sessions: Duration?
    /// Crew events since their arrival.
    public var crewEvents: Duration?
    /// Audit lines since they were written.
    public var audit: Duration?

    /// Nil keeps a kind for ever.
    public init(sessions: Duration?, crewEvents: Duration?, audit: Duration?) {
        self.sessions = sessions
        self.crewEvents = crewEvents
        self.audit = audit
    }

    /// The age at which a kind of record goes; refresh tokens carry the time of their end themselves.
    public func age(of kind: ExpiringKind) -> Duration? {
        switch kind {
        case .sessions: sessions
        case .crewEvents: crewEvents
        case .audit: audit
        case .refreshTokens: .zero
        }
    }
}
