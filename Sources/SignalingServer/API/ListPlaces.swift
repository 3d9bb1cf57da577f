internal import HTTP
internal import Primitives
internal import SessionRules

/// A few lists of an account are answered at a time; some more wait for their turn, the rest is refused. Who takes no
/// answer holds nothing but a place of its own account.
struct ListPlaces<List> {
    enum Admission {
        /// Read it now.
        case begins(List)
        /// `ended` will give it.
        case waits
        case refused
    }

    private struct Account {
        var going: Set<RequestID> = []
        var waiting: [(request: RequestID, list: List)] = []
    }

    /// Of one account at a time.
    static var going: Int { 4 }
    static var waiting: Int { 16 }

    private var accounts: [String: Account] = [:]
    private var accountByRequest: [RequestID: String] = [:]

    /// Lists that have a place or wait for one.
    var count: Int { accountByRequest.count }

    mutating func admit(_ request: RequestID, of account: String, _ list: List) -> Admission {
        var entry = accounts[account] ?? Account()
        defer { accounts[account] = entry }
        if entry.going.count < Self.going {
            entry.going.insert(request)
            accountByRequest[request] = account
            return .begins(list)
        }
        guard entry.waiting.count < Self.waiting else { return .refused }
        entry.waiting.append((request, list))
        accountByRequest[request] = account
        return .waits
    }

    /// A list has been answered, or its client has gone, waiting ones included.
    /// - Returns: the one that has its place now, with its request.
    mutating func ended(_ request: RequestID) -> (request: RequestID, list: List)? {
        guard let account = accountByRequest.removeValue(forKey: request), var entry = accounts[account] else {
            return nil
        }
        entry.waiting.removeAll { $0.request == request }
        var next: (request: RequestID, list: List)?
        if entry.going.remove(request) != nil, !entry.waiting.isEmpty {
            next = entry.waiting.removeFirst()
            if let next { entry.going.insert(next.request) }
        }
        accounts[account] = entry.going.isEmpty ? nil : entry
        return next
    }
}
