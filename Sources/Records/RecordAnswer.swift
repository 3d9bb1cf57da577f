public import SessionRules

/// What the records say to the thread that asks them.
public enum RecordAnswer: Sendable {
    /// Accounts, keys or revocations were changed, here or by another process.
    case directory(DirectoryRecord)
    /// Said when it changes.
    case health(RecordsHealth)
    case crewStored(CrewRecord, isNew: Bool, PendingReply)
    case sessionStored(id: String)
    /// It was not stored, because the records have one session of its kiosk that is open, which is another one.
    case sessionRefused(id: String, open: SessionRecord)
    case credentials(StoredCredentials?, RecordTicket)
    case loggedIn(LogInVerdict, RecordTicket)
    case refreshed(RefreshOutcome, RecordTicket)
    /// The directory goes with the answer: one that was read before, and is still on its way, knows nothing of it.
    case loggedOut(DirectoryRecord, RecordTicket)
    case accountChanged(AccountOutcome, DirectoryRecord, RecordTicket)
    /// The request was not performed, and left nothing behind.
    case failed(RecordRequest, RecordError)
    case piece(ListReader, ListReader.Piece, RecordTicket)
    case session(SessionRecord?, RecordTicket)
    case preferences(StoredPreferences, RecordTicket)
    case preferencesKept(PreferencesOutcome, RecordTicket)
    case listFailed(ListRequest, RecordError)
}

/// What became of an account, as it is now.
public enum AccountOutcome: Hashable, Sendable {
    case added(Account)
    case changed(Account)
    case removed
}

/// What a refresh token was traded for.
public enum RefreshOutcome: Equatable, Sendable {
    case renewed(Account, family: String)
    case unknown
    case expired
    case disabled
    /// Asked for more often than any client needs: nothing was written, and the token is as good as before.
    case tooOften
    /// It was used before: somebody has a copy, so the whole family is revoked.
    case reused(family: String)
}

/// Why the records did not do what they were asked for.
public enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    case accountExists(String)
    case noSuchAccount(String)
    /// They cannot be read or written; the text is for the log.
    case unavailable(String)

    public var description: String {
        switch self {
        case .accountExists(let id): "account \(id): exists already"
        case .noSuchAccount(let id): "account \(id): does not exist"
        case .unavailable(let reason): reason
        }
    }
}

/// How the records fare, for `/readyz`.
public enum RecordsHealth: Hashable, Sendable {
    case well
    case unwritable
    /// Less than `limits.freeSpace` is left on their disk.
    case littleSpace
}

/// Where the threads of the records leave their answers. Any thread may post.
public protocol RecordsInbox: Sendable {
    func post(_ answer: RecordAnswer)
}
