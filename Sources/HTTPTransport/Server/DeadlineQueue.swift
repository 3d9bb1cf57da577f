internal import Primitives

/// Which of many owners has the earliest deadline: a binary heap. An owner that moves its deadline leaves its old entry
/// in place, and is asked when that comes.
struct DeadlineQueue {
    /// One owner's deadline, kept where the owner is.
    struct Deadline {
        fileprivate(set) var at: Instant?
        /// When the queue will ask.
        fileprivate var queuedAt: Instant?
    }

    struct Entry {
        fileprivate var at: Instant
        fileprivate(set) var owner: UInt64
    }

    private var heap: [Entry] = []

    var first: Instant? { heap.first?.at }

    mutating func set(_ deadline: inout Deadline, of owner: UInt64, to at: Instant?) {
        deadline.at = at
        guard let at, deadline.queuedAt.map({ at < $0 }) ?? true else { return }
        deadline.queuedAt = at
        insert(owner, at: at)
    }

    /// Whether the deadline of the owner of an entry has come; the owner has none any more then.
    mutating func hasExpired(_ deadline: inout Deadline, _ entry: Entry, now: Instant) -> Bool {
        guard deadline.queuedAt == entry.at else { return false }
        deadline.queuedAt = nil
        guard let at = deadline.at else { return false }
        guard at <= now else {
            set(&deadline, of: entry.owner, to: at)
            return false
        }
        deadline.at = nil
        return true
    }

    private mutating func insert(_ owner: UInt64, at: Instant) {
        heap.append(Entry(at: at, owner: owner))
        var child = heap.count - 1
        while child > 0, heap[child].at < heap[(child - 1) / 2].at {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the first entry that `now` has reached; `hasExpired` says what it means for its owner.
    mutating func popReached(now: Instant) -> Entry? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].at < heap[least].at {
                least = child
            }
            if least == parent { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
