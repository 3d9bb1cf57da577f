internal import Primitives

/// Which of many owners has the earliest deadline: a binary heap. An owner that moves its deadline leaves its old entry
/// in place, and is asked when that comes.
struct DeadlineQueue {
    struct Entry {
        var at: Instant
        var owner: UInt64
    }

    private var heap: [Entry] = []

    var first: Instant? { heap.first?.at }

    mutating func insert(_ owner: UInt64, at: Instant) {
        heap.append(Entry(at: at, owner: owner))
        var child = heap.count - 1
        while child > 0, heap[child].at < heap[(child - 1) / 2].at {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes the first entry that `now` has reached.
    mutating func popExpired(now: Instant) -> Entry? {
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
