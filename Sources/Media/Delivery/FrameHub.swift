public import Primitives
public import Reactor
import Synchronization

// Encoded frames of one encoder on their way to everybody who takes them.
//
//                                        ┌─ queue of subscriber 0 ─ pop ─▶ SharedFrame ─┐
//   encoder ─ push ─▶ slot of the pool ──┼─ queue of subscriber 1 ─ pop ─▶ SharedFrame ─┼─▶ the last one frees the slot
//                                        └─ queue of subscriber 2 ─ pop ─▶ SharedFrame ─┘
//
// A frame is encoded once and copied never: `push` swaps the encoder's full frame for the spent one of a free slot, the
// queues hold the slot's number, and a slot is free again when every subscriber that got it has read or dropped it. Slots
// are made when somebody subscribes, so that no frame allocates.
//
// A subscriber is closed or open; `MediaHub` opens and closes it as the truth table of the leases says. Each opening has a
// generation, which grows over all subscribers; the media thread reads `generation` before it takes a picture and hands
// it back with the frame. A subscriber gets no frame of a generation before its own opening: what was seen for one
// monitor never reaches the next.
//
// A subscriber that stalls loses the oldest frames, and nobody else loses any. A video frame without its predecessor
// cannot be decoded, so its queue drops up to the next keyframe in it, or everything, and then waits for a keyframe. The
// encoder is asked for one at once when no subscriber could use the frame, and otherwise when the stalled subscriber
// reads again: one that never does costs the others no keyframes.

/// The frames of one encoder, and so of one codec, for all who take them.
public final class FrameHub: Sendable {
    /// How many frames wait for one subscriber at most: 270 ms of video at 30 frames/s, 160 ms of audio.
    public static let capacity = 8
    /// How many may subscribe at once.
    public static let mostSubscribers = 4
    /// Each subscriber has its queue and one frame in hand; one more is being swapped in.
    private static let mostSlots = 37

    /// What became of a frame that was offered with `push`.
    public enum PushOutcome: Hashable, Sendable {
        /// At least one subscriber gets it.
        case accepted
        /// At least one gets it, and older frames gave way, this many over all subscribers.
        case replacedOlder(Int)
        /// Refused by all: predecessors were dropped, only a keyframe helps. The caller encodes one next.
        case keyframeNeeded
        /// Nobody is open, or all have opened after the frame was taken.
        case closed
    }

    /// Why a frame that was encoded did not reach a subscriber.
    public enum DropReason: Int, CaseIterable, Sendable {
        /// Older frames gave way to newer ones.
        case overflow
        /// Predecessors were dropped, and this was no keyframe.
        case missingReference
        /// Encoded for a session that had ended.
        case stale
    }

    /// The kind of all frames; it decides what an overflow drops.
    public let kind: MediaKind
    /// Signaled when a subscriber opens: the media thread has a picture ready and need not wait for the next.
    public let opened: WakeFD?
    private let frameCapacity: Int
    private let state: Mutex<State>
    private let openGeneration = Atomic<UInt32>(0)
    private let beginGeneration = Atomic<UInt32>(0)
    private let keyframes = Atomic<UInt32>(0)
    /// Memory of `mostSlots` frames, of which the first `slotCount` are initialized. A slot's frame changes under the lock
    /// and only while nobody holds it, so that whoever holds it reads without the lock.
    private nonisolated(unsafe) let slots: UnsafeMutablePointer<EncodedFrame>

    /// What one subscriber waits for.
    private struct Lane {
        var isTaken = false
        var isOpen = false
        /// The generation that began when it opened.
        var since: UInt32 = 0
        var needsKeyframe = false
        /// It dropped frames, and asks for a keyframe when it reads again.
        var asksWhenRead = false
        var queue = InlineArray<8, UInt8>(repeating: 0)
        var head = 0
        var count = 0
        var readable: WakeFD?
        var pushed: UInt64 = 0
        var drops = Counter<DropReason>()
    }

    private struct State {
        var lanes: InlineArray<4, Lane>
        /// How many queues and readers hold each slot.
        var holders: InlineArray<37, UInt8>
        /// Numbers of slots that nobody holds; the one freed last is used first.
        var free: InlineArray<37, UInt8>
        var freeCount: Int
        var slotCount: Int
        var generation: UInt32
        var stale: UInt64
        /// Of subscribers that have gone.
        var pastDrops: Counter<DropReason>
    }

    /// Without subscribers. `frameCapacity` is the usual size of a frame in bytes; larger ones make their slot grow.
    public init(kind: MediaKind, frameCapacity: Int, opened: WakeFD? = nil) {
        self.kind = kind
        self.frameCapacity = frameCapacity
        self.opened = opened
        slots = .allocate(capacity: FrameHub.mostSlots)
        state = Mutex(
            State(
                lanes: InlineArray(repeating: Lane()), holders: InlineArray(repeating: 0),
                free: InlineArray(repeating: 0), freeCount: 0, slotCount: 0, generation: 0, stale: 0,
                pastDrops: Counter()))
    }

    deinit {
        slots.deinitialize(count: state.withLock { $0.slotCount })
        slots.deallocate()
    }

    // MARK: the media thread

    /// The newest opening, or nil while all are closed. Read it before taking a picture or samples, and pass it to `push`.
    public var generation: UInt32? {
        let value = openGeneration.load(ordering: .acquiring)
        return value == 0 ? nil : value
    }

    /// The generation of the newest opening that found nobody else open: with it everything begins anew.
    public var beginning: UInt32 { beginGeneration.load(ordering: .acquiring) }

    /// Offers a frame to all who are open. Unless it is refused, `frame` holds spent memory afterwards.
    public func push(_ frame: inout EncodedFrame, generation: UInt32) -> PushOutcome {
        precondition(frame.kind == kind, "frame hub: frame of another kind")
        var wakes = InlineArray<4, WakeFD?>(repeating: nil)
        let outcome = state.withLock { state in
            var (reached, accepted, replaced) = (0, 0, 0)
            for index in state.lanes.indices where state.lanes[index].isOpen && state.lanes[index].since <= generation {
                reached += 1
                switch makeRoom(&state, index, for: frame.isKeyframe) {
                case nil: continue
                case .some(let count):
                    replaced += count
                    accepted += 1
                    wakes[index] = state.lanes[index].readable
                }
            }
            guard reached > 0 else {
                state.stale &+= 1
                return PushOutcome.closed
            }
            guard accepted > 0 else { return .keyframeNeeded }
            share(&frame, &state, generation: generation)
            return replaced == 0 ? .accepted : .replacedOlder(replaced)
        }
        for index in wakes.indices { wakes[index]?.signal() }
        return outcome
    }

    /// - Returns: how many older frames gave way; nil when this subscriber cannot use the frame.
    private func makeRoom(_ state: inout State, _ index: Int, for isKeyframe: Bool) -> Int? {
        if state.lanes[index].needsKeyframe {
            guard isKeyframe else {
                state.lanes[index].drops.add(.missingReference)
                return nil
            }
            state.lanes[index].needsKeyframe = false
            state.lanes[index].asksWhenRead = false
        }
        guard state.lanes[index].count == FrameHub.capacity else { return 0 }
        let count = framesToDrop(state, index, for: isKeyframe)
        drop(&state, index, count)
        state.lanes[index].drops.add(.overflow, UInt64(count))
        if kind == .video, state.lanes[index].count == 0, !isKeyframe {
            state.lanes[index].needsKeyframe = true
            state.lanes[index].asksWhenRead = true
            state.lanes[index].drops.add(.missingReference)
            return nil
        }
        return count
    }

    private func framesToDrop(_ state: borrowing State, _ index: Int, for isKeyframe: Bool) -> Int {
        guard kind == .video else { return 1 }
        let (head, count) = (state.lanes[index].head, state.lanes[index].count)
        if isKeyframe { return count }
        for place in 1..<count
        where slots[Int(state.lanes[index].queue[(head + place) % FrameHub.capacity])].isKeyframe {
            return place
        }
        return count
    }

    /// Puts the frame into a free slot, and the slot into the queue of each who has room and can use it.
    private func share(_ frame: inout EncodedFrame, _ state: inout State, generation: UInt32) {
        precondition(state.freeCount > 0, "frame hub: a subscriber holds more than one frame")
        state.freeCount -= 1
        let slot = state.free[state.freeCount]
        swap(&slots[Int(slot)], &frame)
        for index in state.lanes.indices
        where state.lanes[index].isOpen && state.lanes[index].since <= generation && !state.lanes[index].needsKeyframe {
            let (head, count) = (state.lanes[index].head, state.lanes[index].count)
            state.lanes[index].queue[(head + count) % FrameHub.capacity] = slot
            state.lanes[index].count = count + 1
            state.lanes[index].pushed &+= 1
            state.holders[Int(slot)] += 1
        }
    }

    /// Takes the oldest `count` frames out of a queue.
    private func drop(_ state: inout State, _ index: Int, _ count: Int) {
        for _ in 0..<count {
            release(&state, state.lanes[index].queue[state.lanes[index].head])
            state.lanes[index].head = (state.lanes[index].head + 1) % FrameHub.capacity
            state.lanes[index].count -= 1
        }
    }

    private func release(_ state: inout State, _ slot: UInt8) {
        state.holders[Int(slot)] -= 1
        guard state.holders[Int(slot)] == 0 else { return }
        state.free[state.freeCount] = slot
        state.freeCount += 1
    }

    // MARK: subscribers

    /// Takes a place, closed. Makes the slots that its frames need.
    ///
    /// - Parameter readable: signaled when a frame has come; several subscribers may share one.
    /// - Returns: nil when `mostSubscribers` have subscribed.
    public func subscribe(readable: WakeFD? = nil) -> FrameSubscriber? {
        let place: Int? = state.withLock { state in
            guard let index = state.lanes.indices.first(where: { !state.lanes[$0].isTaken }) else { return nil }
            state.lanes[index] = Lane()
            state.lanes[index].isTaken = true
            state.lanes[index].readable = readable
            let taken = state.lanes.indices.count { state.lanes[$0].isTaken }
            while state.slotCount < 1 + taken * (FrameHub.capacity + 1) {
                (slots + state.slotCount).initialize(to: EncodedFrame(kind: kind, capacity: frameCapacity))
                state.free[state.freeCount] = UInt8(state.slotCount)
                state.freeCount += 1
                state.slotCount += 1
            }
            return index
        }
        return place.map { FrameSubscriber(hub: self, place: $0) }
    }

    fileprivate func unsubscribe(_ index: Int) {
        close(index)
        state.withLock { state in
            state.pastDrops.add(state.lanes[index].drops)
            state.lanes[index] = Lane()
        }
    }

    fileprivate func open(_ index: Int) {
        state.withLock { state in
            precondition(!state.lanes[index].isOpen, "frame hub: opened twice")
            let isFirst = !state.lanes.indices.contains { state.lanes[$0].isOpen }
            state.generation += 1
            state.lanes[index].isOpen = true
            state.lanes[index].since = state.generation
            state.lanes[index].needsKeyframe = kind == .video
            state.lanes[index].asksWhenRead = false
            if isFirst { beginGeneration.store(state.generation, ordering: .releasing) }
            openGeneration.store(state.generation, ordering: .releasing)
        }
        opened?.signal()
    }

    fileprivate func close(_ index: Int) {
        state.withLock { state in
            state.lanes[index].isOpen = false
            state.lanes[index].asksWhenRead = false
            drop(&state, index, state.lanes[index].count)
            if !state.lanes.indices.contains(where: { state.lanes[$0].isOpen }) {
                openGeneration.store(0, ordering: .releasing)
            }
        }
    }

    fileprivate func pop(_ index: Int) -> SharedFrame? {
        let slot: UInt8? = state.withLock { state in
            guard state.lanes[index].count > 0 else {
                if state.lanes[index].asksWhenRead {
                    state.lanes[index].asksWhenRead = false
                    requestKeyframe()
                }
                return nil
            }
            let slot = state.lanes[index].queue[state.lanes[index].head]
            state.lanes[index].head = (state.lanes[index].head + 1) % FrameHub.capacity
            state.lanes[index].count -= 1
            return slot
        }
        return slot.map { SharedFrame(hub: self, slot: $0) }
    }

    fileprivate func isOpen(_ index: Int) -> Bool { state.withLock { $0.lanes[index].isOpen } }

    fileprivate func numbers(_ index: Int) -> (waiting: Int, pushed: UInt64, drops: Counter<DropReason>) {
        state.withLock { ($0.lanes[index].count, $0.lanes[index].pushed, $0.lanes[index].drops) }
    }

    fileprivate func frame(_ slot: UInt8) -> UnsafePointer<EncodedFrame> { UnsafePointer(slots + Int(slot)) }

    fileprivate func release(_ slot: UInt8) { state.withLock { release(&$0, slot) } }

    // MARK: any thread

    /// Asks for a keyframe (PLI, FIR, a new decoder). Several requests before the next frame are one, from different
    /// subscribers too.
    public func requestKeyframe() { keyframes.wrappingAdd(1, ordering: .relaxed) }

    /// How often a keyframe was asked for; the video thread compares it with what it saw last.
    public var keyframeRequests: UInt32 { keyframes.load(ordering: .relaxed) }

    /// Frames not delivered, by reason, since the start; what reached nobody counts once.
    public var drops: Counter<DropReason> {
        state.withLock { state in
            var all = state.pastDrops
            for index in state.lanes.indices { all.add(state.lanes[index].drops) }
            all.add(.stale, state.stale)
            return all
        }
    }

    /// Slots that somebody holds now.
    public var slotsInUse: Int { state.withLock { $0.slotCount - $0.freeCount } }
}

/// One taker of a hub's frames: closed until it is opened, and for good with `end` or when it goes out of scope. One
/// thread reads; any thread may open, close and end it.
public final class FrameSubscriber: Sendable {
    private let hub: FrameHub
    private let place: Int
    private let isEnded = Atomic<Bool>(false)

    fileprivate init(hub: FrameHub, place: Int) {
        self.hub = hub
        self.place = place
    }

    deinit { end() }

    /// The kind of its frames.
    public var kind: MediaKind { hub.kind }

    /// Frames are wanted from now on. The first video frame let in is a keyframe. It must be closed.
    public func open() { if !isEnded.load(ordering: .acquiring) { hub.open(place) } }

    /// Frames are not wanted any more, from this moment on; those that wait are dropped. Closing a closed one does nothing.
    public func close() { if !isEnded.load(ordering: .acquiring) { hub.close(place) } }

    /// Gives the place back.
    public func end() { if !isEnded.exchange(true, ordering: .acquiringAndReleasing) { hub.unsubscribe(place) } }

    /// Whether frames are wanted.
    public var isOpen: Bool { !isEnded.load(ordering: .acquiring) && hub.isOpen(place) }

    /// The oldest frame that waits; nil when there is none. Let it go before the next is taken: one is held at a time.
    public func pop() -> SharedFrame? { isEnded.load(ordering: .acquiring) ? nil : hub.pop(place) }

    /// Asks the encoder for a keyframe.
    public func requestKeyframe() { hub.requestKeyframe() }

    /// Frames waiting now.
    public var count: Int { hub.numbers(place).waiting }
    /// Frames let in since it subscribed.
    public var pushedCount: UInt64 { hub.numbers(place).pushed }
    /// Frames that it did not get since it subscribed, by reason.
    public var drops: Counter<FrameHub.DropReason> { hub.numbers(place).drops }
}

/// One frame that others may be reading too. It gives its share of the slot back when it goes out of scope.
public struct SharedFrame: ~Copyable {
    private let hub: FrameHub
    private let slot: UInt8

    fileprivate init(hub: FrameHub, slot: UInt8) {
        self.hub = hub
        self.slot = slot
    }

    deinit { hub.release(slot) }

    /// Lends the frame.
    public borrowing func withFrame<Result>(_ body: (borrowing EncodedFrame) -> Result) -> Result {
        body(hub.frame(slot).pointee)
    }
}
