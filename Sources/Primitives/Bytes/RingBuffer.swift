/// A first-in first-out queue that grows by doubling and never shifts its elements.
public struct RingBuffer<Element> {
    @usableFromInline var storage: [Element?]
    @usableFromInline var head: Int
    @usableFromInline var used: Int

    /// An empty queue with room for `capacity` elements before the first growth.
    @inlinable public init(capacity: Int = 16) {
        var size = 1
        while size < capacity { size *= 2 }
        storage = Array(repeating: nil, count: size)
        head = 0
        used = 0
    }

    /// How many elements it holds.
    /// The newest; nil when it is empty.
    /// Whether it holds none.
    /// The oldest; nil when it is empty.
    @inlinable public var count: Int { used }
    @inlinable public var isEmpty: Bool { used == 0 }
    @inlinable public var first: Element? { used == 0 ? nil : storage[head] }
    @inlinable public var last: Element? { used == 0 ? nil : storage[(head + used - 1) & (storage.count - 1)] }

    /// The element `index` places behind the oldest.
    @inlinable public subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < used, "ring buffer: index out of range")
            return storage[(head + index) & (storage.count - 1)]!
        }
        set {
            precondition(index >= 0 && index < used, "ring buffer: index out of range")
            storage[(head + index) & (storage.count - 1)] = newValue
        }
    }

    /// Behind the newest; doubles the memory when it is full.
    @inlinable public mutating func append(_ element: Element) {
        if used == storage.count { grow() }
        storage[(head + used) & (storage.count - 1)] = element
        used += 1
    }

    /// Takes the oldest; nil when it is empty.
    @inlinable public mutating func popFirst() -> Element? {
        guard used > 0 else { return nil }
        let element = storage[head]
        storage[head] = nil
        head = (head + 1) & (storage.count - 1)
        used -= 1
        return element
    }

    /// Lets go of all elements; the memory stays.
    @inlinable public mutating func removeAll() {
        while popFirst() != nil {}
    }

    @usableFromInline mutating func grow() {
        var larger: [Element?] = Array(repeating: nil, count: storage.count * 2)
        for index in 0..<used { larger[index] = storage[(head + index) & (storage.count - 1)] }
        storage = larger
        head = 0
    }
}

extension RingBuffer: Sendable where Element: Sendable {}
