internal import Database
internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import SessionRules
internal import Signaling

/// One try to log in, on its way from the serving thread over records and passwords back.
struct LoginAttempt: Sendable {
    let request: RequestID
    let name: String
    let password: Redacted<String>
    let address: IPAddress
}

enum LoginOutcome: Sendable {
    case succeeded(Account, family: String, refreshToken: Redacted<String>)
    /// A wrong password and an unknown name look the same to the client; `organization` is the account's, or empty.
    case refused(organization: String)
    case disabled(organization: String)
    case failed
}

/// A name's account and what its password is checked against, as the records had them at one moment.
typealias StoredCredentials = (account: Account, password: PasswordHash)

extension LoginAttempt {
    /// Reads the account; `check` follows. The records, the password and the tokens: no thread waits for another.
    func begin(_ records: StoreWorker) {
        let attempt = self
        // A job may run twice, so the password's is not begun from this one.
        records.submit(onFailure: .loginFinished(attempt, .failed)) { store throws(DatabaseError) in
            .credentialsRead(attempt, try store.credentials(attempt.name))
        }
    }

    /// Checks the password and begins a family of tokens.
    func check(_ found: StoredCredentials?, _ passwords: PasswordWorker, _ records: StoreWorker) {
        let attempt = self
        passwords.submit {
            // A name that nobody has takes as long as one that somebody has.
            let isRight = (found?.password ?? PasswordHash.decoy).matches(attempt.password)
            records.submit(onFailure: .loginFinished(attempt, .failed)) { store throws(DatabaseError) in
                .loginFinished(
                    attempt, try attempt.judge(found, isRight: isRight, in: &store, now: SystemWallClock.now()))
            }
        }
    }

    /// - Parameter found: what the password was checked against, some time ago.
    func judge(
        _ found: StoredCredentials?, isRight: Bool, in store: inout Store, now: WallClock
    ) throws(DatabaseError) -> LoginOutcome {
        let attempt = self
        return try store.recordTransaction { store throws(DatabaseError) in
            // The password may have been changed or the account disabled meanwhile, which revoked all tokens there were.
            let current = try store.credentials(attempt.name)
            guard let account = current?.account, isRight, current?.password == found?.password, !account.isDisabled
            else {
                let isDisabled = isRight && current != nil && current?.password == found?.password
                // Guesses cost the records nothing: `RefusedLogins` says what is written of them.
                let organization = current?.account.organization ?? found?.account.organization ?? ""
                return isDisabled ? .disabled(organization: organization) : .refused(organization: organization)
            }
            let family = Tokens.newIdentifier()
            let refresh = Tokens.newRefreshToken()
            try store.beginFamily(
                family, account: account, refreshHash: refresh.hash, address: attempt.address.description, now: now)
            try store.rememberHome(attempt.address, of: account.id)
            return .succeeded(account, family: family, refreshToken: refresh.token)
        }
    }
}
