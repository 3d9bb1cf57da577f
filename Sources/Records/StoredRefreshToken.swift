internal import Identity
public import Primitives
public import SessionRules

/// A refresh token as the records have it, with what its use is judged by, all of one moment.
///
/// A client whose answer was lost on the way has only the token that it sent. Used once more within a short grace, and
/// while nobody has used what it was traded for, it brings another pair; what it was traded for before is void from
/// then on. Whoever uses that all the same, or the token itself later, shows that there are two holders.
public struct StoredRefreshToken: Sendable {
    /// The family of tokens it belongs to.
    public var family: String
    /// The family's account; nil where it is gone.
    public var account: Account?
    /// Whether the family is revoked.
    public var isRevoked: Bool
    /// From then on it is worth nothing.
    public var expiresAt: WallClock
    /// When it was first traded; nil before.
    public var usedAt: WallClock?
    /// Whether another has taken its place because the answer that brought it was taken for lost.
    public var isReplaced: Bool
    /// Whether something that it was traded for has been used.
    public var isFollowed: Bool
    /// How many tokens its family was given within `Tokens.refreshWindow`.
    public var recentTrades: Int

    /// As the records have it.
    public init(
        family: String, account: Account?, isRevoked: Bool, expiresAt: WallClock, usedAt: WallClock?, isReplaced: Bool,
        isFollowed: Bool, recentTrades: Int
    ) {
        self.family = family
        self.account = account
        self.isRevoked = isRevoked
        self.expiresAt = expiresAt
        self.usedAt = usedAt
        self.isReplaced = isReplaced
        self.isFollowed = isFollowed
        self.recentTrades = recentTrades
    }

    /// What its use brings. `renewed` asks for the trade to be written down, `reused` for the family's end with its line in the
    /// audit, everything else for nothing.
    public func outcome(now: WallClock) -> RefreshOutcome {
        guard !isRevoked, let account else { return .unknown }
        guard !isReplaced, usedAt.map({ isAnswerLost(used: $0, now: now) }) != false else {
            return .reused(family: family)
        }
        guard expiresAt > now else { return .expired }
        guard !account.isDisabled else { return .disabled }
        guard recentTrades < Tokens.refreshesPerWindow else { return .tooOften }
        return .renewed(account, family: family)
    }

    /// Whether one that was traded at `used` may be traded again: soon after, and nothing that it was traded for has
    /// been used. A clock that was set in between decides nothing that a client could lose by.
    private func isAnswerLost(used: WallClock, now: WallClock) -> Bool {
        abs((now - used).nanoseconds) <= Tokens.refreshGrace.nanoseconds && !isFollowed
    }
}
