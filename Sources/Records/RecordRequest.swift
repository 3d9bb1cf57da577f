public import Identity
public import Primitives
public import SessionRules
public import Signaling

/// Ties an answer to its request where more than one may be under way; the one who asks numbers them.
public struct RecordTicket: Hashable, Sendable {
    /// Unique among the requests under way.
    public var rawValue: UInt64

    /// A ticket of that number.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What the records are asked for. Requests are performed in the order in which they come; each is answered once, but those of `keep`
/// that nobody waits for.
public enum RecordRequest: Sendable {
    /// What the rules decided. A crew event is answered `crewStored`, the beginning of a session `sessionStored` or
    /// `sessionRefused`, nothing else is answered unless it fails.
    case keep(Hub.StoreRequest)
    /// Answered `credentials`.
    case readCredentials(name: String, RecordTicket)
    /// A password has been checked: a log-in begins a family of tokens, if the account still is what it was checked against.
    /// Answered `loggedIn`.
    case logIn(CheckedLogIn, RecordTicket)
    /// Trades a refresh token for the next one of its family. Answered `refreshed`.
    case refresh(hash: [UInt8], nextHash: [UInt8], RecordTicket)
    /// Answered `loggedOut`.
    case logOut(Account, family: String, RecordTicket)
    /// Answered `accountChanged`, and refused where there is, or is not, such an account.
    case changeAccount(AccountChange, by: String, RecordTicket)
    /// Answered `preferencesKept`.
    case keepPreferences(PreferencesChange, RecordTicket)
}

/// What is read aside from everything else, however long it takes.
public enum ListRequest: Sendable {
    /// The next piece of a list.
    case piece(ListReader, RecordTicket)
    /// One session, if it is the organization's.
    case session(id: String, organization: String, RecordTicket)
    /// What an account keeps. Answered `preferences`.
    case preferences(account: String, RecordTicket)
}

/// A log-in whose password has been checked.
public struct CheckedLogIn: Sendable {
    /// What was typed as a name.
    public var name: String
    /// What the password was checked against; nil where nobody had that name.
    public var checkedAgainst: StoredCredentials?
    /// Whether the password matched.
    public var isRight: Bool
    /// The client's; kept as a home of the account.
    public var address: IPAddress
    /// What the family of tokens is called if it begins.
    public var family: String
    /// Of its first refresh token.
    public var refreshHash: [UInt8]

    /// A log-in that the records are to judge.
    public init(
        name: String, checkedAgainst: StoredCredentials?, isRight: Bool, address: IPAddress, family: String,
        refreshHash: [UInt8]
    ) {
        self.name = name
        self.checkedAgainst = checkedAgainst
        self.isRight = isRight
        self.address = address
        self.family = family
        self.refreshHash = refreshHash
    }

    /// What becomes of it. The password may have been changed or the account disabled since it was read, which revoked all tokens
    /// there were.
    /// - Parameter current: the account of that name as the records have it now.
    public func verdict(current: StoredCredentials?) -> LogInVerdict {
        let organization = current?.account.organization ?? checkedAgainst?.account.organization ?? ""
        guard isRight, let current, current.password == checkedAgainst?.password else {
            return .refused(organization: organization)
        }
        return current.account.isDisabled ? .disabled(organization: organization) : .succeeded(current.account)
    }
}

/// An account and what its password is checked against, as the records had them at one moment.
public struct StoredCredentials: Hashable, Sendable {
    /// Without the password.
    public var account: Account
    /// As it is stored.
    public var password: PasswordHash

    /// Both of one moment.
    public init(account: Account, password: PasswordHash) {
        self.account = account
        self.password = password
    }
}

/// What an administrator does to an account.
public enum AccountChange: Sendable {
    case add(Account, password: PasswordHash)
    /// Nil leaves a field as it is.
    case change(id: String, displayName: String?, password: PasswordHash?, isDisabled: Bool?)
    case remove(id: String)
}

/// Which crew events to list. Times are those of arrival, the only ones that one clock has set.
public struct CrewFilter: Hashable, Sendable {
    /// Nil does not restrict; so with the others.
    public var kioskId: String?
    /// The crew member's number.
    public var crewId: String?
    /// Sign-ons or sign-offs.
    public var kind: CrewEvent.Kind?
    /// The first moment that counts.
    public var from: WallClock?
    /// The first moment that is too late.
    public var to: WallClock?

    /// All of the organization's, unless something restricts.
    public init(
        kioskId: String? = nil, crewId: String? = nil, kind: CrewEvent.Kind? = nil, from: WallClock? = nil,
        to: WallClock? = nil
    ) {
        self.kioskId = kioskId
        self.crewId = crewId
        self.kind = kind
        self.from = from
        self.to = to
    }
}
