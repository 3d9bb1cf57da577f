internal import Database
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Signaling
internal import SocketIO

/// One try to log in, on its way from the serving thread over records and passwords back.
struct LoginAttempt: Sendable {
    let request: RequestID
    let name: String
    let password: Redacted<String>
    let address: IPAddress
}

enum LoginOutcome: Sendable {
    case succeeded(Account, family: String, refreshToken: Redacted<String>)
    /// A wrong password and an unknown name look the same.
    case refused
    case disabled
    case failed
}

extension LoginAttempt {
    /// Reads the account, checks the password, begins a family of tokens: three threads, no one waits for another.
    func begin(_ records: StoreWorker, _ passwords: PasswordWorker, _ inbox: Inbox) {
        let attempt = self
        records.submit(onFailure: .loginFinished(attempt, .failed)) { store throws(DatabaseError) in
            let found = try store.credentials(attempt.name)
            passwords.submit {
                // A name that nobody has takes as long as one that somebody has.
                let isRight = (found?.password ?? PasswordHash.decoy).matches(attempt.password)
                attempt.judge(found?.account, isRight: isRight, records)
            }
            return nil
        }
    }

    private func judge(_ account: Account?, isRight: Bool, _ records: StoreWorker) {
        let attempt = self
        records.submit(onFailure: .loginFinished(attempt, .failed)) { store throws(DatabaseError) in
            let now = SystemWallClock.now()
            guard let account, isRight, !account.isDisabled else {
                let isDisabled = isRight && account != nil
                try store.append(
                    AuditEntry(
                        at: now, kind: .loginRefused, organization: account?.organization ?? "", actor: attempt.name,
                        details: [
                            "address": .string(attempt.address.description),
                            "code": isDisabled ? "account-disabled" : "invalid-credentials",
                        ]))
                return .loginFinished(attempt, isDisabled ? .disabled : .refused)
            }
            let family = Tokens.newIdentifier()
            let refresh = Tokens.newRefreshToken()
            try store.beginFamily(
                family, account: account, refreshHash: refresh.hash, address: attempt.address.description, now: now)
            return .loginFinished(attempt, .succeeded(account, family: family, refreshToken: refresh.token))
        }
    }
}
