internal import Identity
public import Primitives

/// The moments by which signing keys, families and refresh tokens are judged.
public enum TokenPeriods {
    /// Keys retired and families revoked after that may still be named by an access token that has not expired.
    public static func inAccessTokens(now: WallClock) -> WallClock { now - Tokens.accessLifetime }

    /// Keys retired and families revoked before that are deleted: no access token of theirs is good, with a minute to spare.
    public static func forgotten(now: WallClock) -> WallClock { now - Tokens.accessLifetime - .seconds(60) }

    /// When a refresh token that is made now expires.
    public static func refreshExpiry(now: WallClock) -> WallClock { now + Tokens.refreshLifetime }

    /// A refresh token that expires later was made within `Tokens.refreshWindow`.
    public static func recentExpiry(now: WallClock) -> WallClock {
        now + Tokens.refreshLifetime - Tokens.refreshWindow
    }
}
