import Identity
import Primitives
import Records
import SessionRules
import Testing

@Suite struct CheckedLogInTests {
    private func credentials(_ hash: String, isDisabled: Bool = false) -> StoredCredentials {
        StoredCredentials(account: account(isDisabled: isDisabled), password: PasswordHash(encoded: hash))
    }

    private func verdict(
        against read: StoredCredentials?, isRight: Bool = true, now current: StoredCredentials?
    ) -> LogInVerdict {
        CheckedLogIn(
            name: "K1", checkedAgainst: read, isRight: isRight, address: IPAddress("192.0.2.1")!, family: "F",
            refreshHash: []
        ).verdict(current: current)
    }

    @Test func itIsJudgedByWhatTheRecordsSayNow() {
        #expect(verdict(against: credentials("a"), now: credentials("a")) == .succeeded(account()))
        let refused = LogInVerdict.refused(organization: "west")
        #expect(verdict(against: credentials("a"), isRight: false, now: credentials("a")) == refused)
        #expect(verdict(against: credentials("a"), now: credentials("b")) == refused)
        #expect(
            verdict(against: credentials("a"), now: credentials("a", isDisabled: true))
                == .disabled(organization: "west"))
        #expect(
            verdict(against: credentials("a"), isRight: false, now: credentials("a", isDisabled: true))
                == .refused(organization: "west"), "a stranger does not learn that it is disabled")
        #expect(verdict(against: credentials("a"), now: nil) == .refused(organization: "west"))
        #expect(verdict(against: nil, now: nil) == .refused(organization: ""), "right for nobody's password")
    }
}
