internal import Primitives
public import Signaling

/// The accounts as the serving thread knows them, and which of their tokens are void. A copy of the records, brought
/// up to date whenever those change.
public struct Directory: Sendable {
    /// What the records say at one moment.
    public struct Snapshot: Sendable {
        /// All there are.
        public var accounts: [Account]
        /// Families whose access tokens may not have expired yet.
        public var revokedFamilies: Set<String>

        /// As the records have them.
        public init(accounts: [Account], revokedFamilies: Set<String>) {
            self.accounts = accounts
            self.revokedFamilies = revokedFamilies
        }
    }

    private var accounts: [String: Account]
    private var kiosks: [String: [String]]
    private var revokedFamilies: Set<String>

    /// Without accounts: nobody is admitted.
    public init() {
        accounts = [:]
        kiosks = [:]
        revokedFamilies = []
    }

    /// Takes the place of everything known before.
    public mutating func update(_ snapshot: Snapshot) {
        accounts = Dictionary(snapshot.accounts.map { ($0.id, $0) }) { $1 }
        kiosks = Dictionary(grouping: snapshot.accounts.filter { $0.role == .kiosk }, by: \.organization)
            .mapValues { $0.map(\.id).sorted() }
        revokedFamilies = snapshot.revokedFamilies
    }

    /// Nil where nobody has that name.
    public subscript(id: String) -> Account? { accounts[id] }

    /// Sorted by id.
    public func kiosks(of organization: String) -> [String] { kiosks[organization] ?? [] }

    /// What a kiosk said of itself; the records follow.
    public mutating func registered(_ id: String, version: String?, hostname: String?) {
        accounts[id]?.version = version
        accounts[id]?.hostname = hostname
    }

    /// A family was revoked by this very process; the records follow.
    public mutating func revoke(family: String) { revokedFamilies.insert(family) }

    /// The account a token may act for.
    public func admit(_ claims: TokenClaims) throws(SignalingError) -> Account {
        guard let account = accounts[claims.subject], account.role == claims.role,
            account.organization == claims.organization, !revokedFamilies.contains(claims.family),
            account.accepts(claims)
        else { throw SignalingError(.tokenInvalid, "the token was revoked") }
        guard !account.isDisabled else { throw SignalingError(.accountDisabled, "the account is disabled") }
        return account
    }
}

extension Account {
    /// Whether monitors see nothing new in it.
    func isShown(as other: Account) -> Bool {
        displayName == other.displayName && organization == other.organization
    }

    /// Whether the token was issued since the last change that voided the account's tokens. Those without a generation, of
    /// before an upgrade, go on by time until they expire or the account gets its first generation.
    fileprivate func accepts(_ claims: TokenClaims) -> Bool {
        guard let generation = claims.generation else {
            return self.generation == 0 && claims.issuedAt.secondsSince1970 >= tokensValidFrom.secondsSince1970
        }
        return generation == self.generation
    }
}
