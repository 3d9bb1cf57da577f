import HTTP
import HTTPTransport
import Identity
import Primitives
import Records
import SessionRules
import Signaling
import Testing

@testable import SignalingServer

@Suite struct LogInDeskTests {
    private var desk = LogInDesk(homes: [:], random: .seeded(1))
    private let ticket = RecordTicket(rawValue: 1)
    private let address = IPAddress("192.0.2.1")!
    private let known = StoredCredentials(account: account("K1"), password: cheapHash)

    private func word(_ action: LogInDesk.Action) -> String {
        switch action {
        case .ask(.readCredentials(let name, _)): "read \(name)"
        case .ask(.logIn(let checked, _)): "judge \(checked.name) \(checked.isRight ? "right" : "wrong")"
        case .ask(.refresh): "trade"
        case .ask(.keep(.audit)): "audit"
        case .ask: "another request"
        case .check(_, let found, _): "check \(found?.account.id ?? "nobody")"
        case .letIn(let account, let new, _): "let in \(account.id) \(new.family)"
        case .refuse(_, let failure): "refuse \(failure.status) \(failure.error.code.rawValue)"
        case .revoke(let family): "revoke \(family)"
        case .noteRefusal(let name, _, let code): "note \(name) \(code.rawValue)"
        }
    }

    private mutating func serve(_ time: Duration = .zero) -> [LogInDesk.Action] { desk.serve(now: after(time)) }

    private mutating func words(_ time: Duration = .zero) -> [String] { serve(time).map(word) }

    private mutating func arrive(_ name: String = "K1") {
        let login = LoginRequest(username: name, password: Redacted("password"))
        desk.logInArrived(login, ticket, from: address, now: start.instant)
    }

    @Test mutating func aLogInHandsOutTheTokenWhoseHashTheRecordsKeep() throws {
        arrive()
        #expect(words() == ["read K1"])
        desk.credentialsRead(known, ticket)
        #expect(words() == ["check K1"])
        desk.passwordChecked(isRight: true, ticket)
        let judging = serve()
        #expect(judging.map(word) == ["judge K1 right"])
        guard case .ask(.logIn(let checked, _))? = judging.first else { preconditionFailure("nothing to judge") }
        desk.judged(.succeeded(account("K1")), ticket, now: start)
        let letIn = serve()
        #expect(letIn.map(word) == ["let in K1 \(checked.family)"])
        guard case .letIn(_, let new, _)? = letIn.first else { preconditionFailure("not let in") }
        #expect(Tokens.hash(ofRefreshToken: new.refreshToken) == checked.refreshHash)
        #expect(!checked.family.isEmpty && desk.counts.succeeded == 1)
        #expect(words() == [])
    }

    @Test mutating func aWrongPasswordIsRefusedAndKept() {
        arrive("X1")
        _ = serve()
        desk.credentialsRead(nil, ticket)
        #expect(words() == ["check nobody"])
        desk.passwordChecked(isRight: false, ticket)
        #expect(words() == ["judge X1 wrong"])
        desk.judged(.refused(organization: ""), ticket, now: start)
        #expect(words() == ["audit", "note X1 invalid-credentials", "refuse 401 invalid-credentials"])
        #expect(desk.counts.refused == 1)
    }

    @Test mutating func recordsThatFailRefuseTheLogIn() {
        arrive()
        _ = serve()
        desk.recordsFailed(ticket, now: start.instant)
        #expect(words() == ["refuse 500 internal-error"])
    }

    /// The loop asks at every turn; the machine is asked when something was done with it.
    @Test mutating func itSleepsUntilSomethingIsDone() {
        #expect(desk.nextTimeout == .zero)
        #expect(words() == [])
        #expect(desk.nextTimeout == nil)
        arrive()
        #expect(desk.nextTimeout == .zero)
        #expect(words() == ["read K1"])
        #expect(desk.nextTimeout == nil)
    }

    // MARK: Refresh tokens

    private mutating func trade() -> (asked: String, nextHash: [UInt8]) {
        let action = desk.refresh(RefreshRequest(refreshToken: Redacted("old")), ticket)
        guard case .ask(.refresh(let hash, let nextHash, _)) = action else { preconditionFailure("not asked") }
        #expect(hash == Tokens.hash(ofRefreshToken: Redacted("old")))
        return (word(action), nextHash)
    }

    private mutating func traded(_ outcome: RefreshOutcome) -> [String] {
        _ = trade()
        return desk.refreshed(outcome, ticket).map(word)
    }

    @Test mutating func aRefreshTokenIsTradedForTheNextOfItsFamily() {
        let asked = trade()
        #expect(asked.asked == "trade")
        let actions = desk.refreshed(.renewed(account("K1"), family: "f"), ticket)
        #expect(actions.map(word) == ["let in K1 f"])
        guard case .letIn(_, let new, _)? = actions.first else { preconditionFailure("not let in") }
        #expect(Tokens.hash(ofRefreshToken: new.refreshToken) == asked.nextHash)
        #expect(desk.refreshes == 1)
        // An answer that nobody waits for does nothing.
        #expect(desk.refreshed(.unknown, ticket).isEmpty)
    }

    @Test mutating func aTradeThatFailsSaysWhy() {
        #expect(traded(.unknown) == ["refuse 401 token-invalid"])
        #expect(traded(.expired) == ["refuse 401 token-expired"])
        #expect(traded(.disabled) == ["refuse 401 account-disabled"])
        #expect(traded(.tooOften) == ["refuse 429 throttled"])
        #expect(traded(.reused(family: "f")) == ["revoke f", "refuse 401 token-invalid"])
        _ = trade()
        #expect(word(desk.refreshFailed(ticket)) == "refuse 500 internal-error")
        #expect(desk.refreshed(.renewed(account("K1"), family: "f"), ticket).isEmpty)
        #expect(desk.refreshes == 0)
    }
}
