import Identity
import Primitives
import Records
import SessionRules
import Testing

@Suite struct StoredRefreshTokenTests {
    /// One that is good, but for what `change` does to it; used at the start.
    private func outcome(after seconds: Int = 0, _ change: (inout StoredRefreshToken) -> Void = { _ in })
        -> RefreshOutcome
    {
        var token = StoredRefreshToken(
            family: "F", account: account(), isRevoked: false, expiresAt: start + Tokens.refreshLifetime, usedAt: nil,
            isReplaced: false, isFollowed: false, recentTrades: 0)
        change(&token)
        return token.outcome(now: start + .seconds(seconds))
    }

    private let renewed = RefreshOutcome.renewed(account(), family: "F")
    private let reused = RefreshOutcome.reused(family: "F")

    @Test func oneThatWasNotUsedIsTraded() {
        #expect(outcome() == renewed)
        #expect(outcome { $0.recentTrades = Tokens.refreshesPerWindow - 1 } == renewed)
        #expect(outcome { $0.recentTrades = Tokens.refreshesPerWindow } == .tooOften)
    }

    @Test func whatIsGoneIsUnknown() {
        #expect(outcome { $0.isRevoked = true } == .unknown)
        #expect(outcome { $0.account = nil } == .unknown)
        #expect(
            outcome {
                $0.isRevoked = true
                $0.isReplaced = true
            } == .unknown, "a family is revoked once")
    }

    @Test func itExpiresToTheMillisecond() {
        let life = Int(Tokens.refreshLifetime.seconds)
        #expect(outcome(after: life - 1) == renewed)
        #expect(outcome(after: life) == .expired)
    }

    @Test func aDisabledAccountGetsNothing() {
        #expect(outcome { $0.account = account(isDisabled: true) } == .disabled)
    }

    /// Also where the clock was set back in between.
    @Test(arguments: [(0, true), (60, true), (61, false), (-60, true), (-61, false)])
    func anAnswerMayBeLostForAMinute(seconds: Int, isGood: Bool) {
        #expect(outcome(after: seconds) { $0.usedAt = start } == (isGood ? renewed : reused))
    }

    @Test func twoHoldersShow() {
        #expect(
            outcome {
                $0.usedAt = start
                $0.isFollowed = true
            } == reused, "what it was traded for has been used")
        #expect(outcome { $0.isReplaced = true } == reused, "another has taken its place")
        #expect(
            outcome(after: Int(Tokens.refreshLifetime.seconds) + 1) { $0.usedAt = start } == reused,
            "a copy is noticed when it has expired, too")
    }
}
