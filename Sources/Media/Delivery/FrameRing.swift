public import Primitives
public import Reactor
import Synchronization

/// Encoded frames on their way from one media thread to the network thread: bounded, without allocation in steady state,
/// and open only while a monitor may receive its frames.
///
/// Frames change places instead of being copied: `push` swaps the caller's full frame for an empty one, `pop` swaps
/// the caller's spent frame for the oldest full one, so the same memory goes round.
///
/// The network thread opens the ring when the peer is connected and closes it when the session ends. Each opening
/// has a generation; a media thread reads `generation` before it takes a picture and hands it back with the frame.
/// A frame of an earlier generation is refused: what was seen for one monitor never reaches the next.
///
/// A ring that needs permission is open only while the agent permits it as well: the indicator is switched on first, and
/// media leaves afterwards.
///
/// When the network thread stalls, the oldest go first. A video frame without its predecessor cannot be decoded, so
/// video drops up to the next keyframe in the ring, or everything, and then waits for a keyframe.
public final class FrameRing: Sendable {
    /// How many frames wait at most: 270 ms of video at 30 frames/s, 160 ms of audio.
    public static let capacity = 8

    /// What became of a frame that was offered with `push`.
    public enum PushOutcome: Hashable, Sendable {
        case accepted
        /// Older frames gave way, this many.
        case replacedOlder(Int)
        /// Refused: predecessors were dropped, only a keyframe helps. The caller encodes one next.
        case keyframeNeeded
        /// Refused: the ring is closed, or the frame is of an earlier opening.
        case closed
    }

    /// Why a frame that was encoded did not reach the network thread.
    public enum DropReason: Int, CaseIterable, Sendable {
        /// Older frames gave way to newer ones.
        case overflow
        /// Predecessors were dropped, and this was no keyframe.
        case missingReference
        /// Encoded for a session that had ended.
        case stale
    }

    /// The kind of all frames in the ring; it decides what an overflow drops.
    public let kind: MediaKind
    /// Signaled when a frame has come: the network thread waits for it. Both rings may share one.
    public let readable: WakeFD?
    /// Signaled when the ring opens: the media thread has a picture ready and need not wait for the next.
    public let opened: WakeFD?
    private let state: Mutex<State>
    private let openGeneration = Atomic<UInt32>(0)

    private struct State: ~Copyable {
        var slots: InlineArray<8, EncodedFrame>
        var head: Int
        var count: Int
        var generation: UInt32
        var isOpen: Bool
        var isPermitted: Bool
        var needsKeyframe: Bool
        var pushed: UInt64
        var drops: Counter<DropReason>
    }

    /// A closed, empty ring. `frameCapacity` is the usual size of a frame in bytes; larger ones make their slot grow.
    public init(
        kind: MediaKind, frameCapacity: Int, readable: WakeFD? = nil, opened: WakeFD? = nil,
        needsPermission: Bool = false
    ) {
        self.kind = kind
        self.readable = readable
        self.opened = opened
        state = Mutex(
            State(
                slots: InlineArray { _ in EncodedFrame(kind: kind, capacity: frameCapacity) },
                head: 0, count: 0, generation: 0, isOpen: false, isPermitted: !needsPermission,
                needsKeyframe: false, pushed: 0, drops: Counter()))
    }

    // MARK: the network thread

    /// Frames are wanted from now on. The first video frame let in is a keyframe.
    public func open() {
        state.withLock { state in
            precondition(!state.isOpen, "frame ring: opened twice")
            state.generation &+= 1
            if state.generation == 0 { state.generation = 1 }
            state.isOpen = true
            state.needsKeyframe = kind == .video
            state.count = 0
            if state.isPermitted { openGeneration.store(state.generation, ordering: .releasing) }
        }
        opened?.signal()
    }

    /// Frames are not wanted any more; those that wait are dropped. Closing a closed ring does nothing.
    public func close() {
        state.withLock { state in
            state.isOpen = false
            state.count = 0
            openGeneration.store(0, ordering: .releasing)
        }
    }

    /// Whether frames are wanted.
    public var isOpen: Bool { state.withLock { $0.isOpen } }

    /// Swaps the oldest frame into `frame`; false, with `frame` untouched, when there is none.
    public func pop(into frame: inout EncodedFrame) -> Bool {
        state.withLock { state in
            guard state.count > 0 else { return false }
            swap(&state.slots[state.head], &frame)
            state.head = (state.head + 1) % FrameRing.capacity
            state.count -= 1
            return true
        }
    }

    // MARK: the supervisor

    /// Media may leave now.
    public func permit() {
        state.withLock { state in
            state.isPermitted = true
            if state.isOpen { openGeneration.store(state.generation, ordering: .releasing) }
        }
        opened?.signal()
    }

    /// Media may not leave any more, from this moment on; frames that wait are dropped.
    public func forbid() {
        state.withLock { state in
            state.isPermitted = false
            state.count = 0
            state.needsKeyframe = kind == .video
            openGeneration.store(0, ordering: .releasing)
        }
    }

    // MARK: the media thread

    /// The current opening, or nil while closed. Read it before taking a picture or samples, and pass it to `push`.
    public var generation: UInt32? {
        let value = openGeneration.load(ordering: .acquiring)
        return value == 0 ? nil : value
    }

    /// Offers a frame. Unless it is refused, `frame` holds spent memory afterwards.
    public func push(_ frame: inout EncodedFrame, generation: UInt32) -> PushOutcome {
        precondition(frame.kind == kind, "frame ring: frame of another kind")
        let outcome = swapIn(&frame, generation: generation)
        switch outcome {
        case .accepted, .replacedOlder: readable?.signal()
        case .keyframeNeeded, .closed: break
        }
        return outcome
    }

    private func swapIn(_ frame: inout EncodedFrame, generation: UInt32) -> PushOutcome {
        state.withLock { state in
            guard state.isOpen, state.isPermitted, generation == state.generation else {
                state.drops.add(.stale)
                return .closed
            }
            if state.needsKeyframe {
                guard frame.isKeyframe else {
                    state.drops.add(.missingReference)
                    return .keyframeNeeded
                }
                state.needsKeyframe = false
            }
            var replaced = 0
            if state.count == FrameRing.capacity {
                replaced = framesToDrop(state, for: frame.isKeyframe)
                state.head = (state.head + replaced) % FrameRing.capacity
                state.count -= replaced
                state.drops.add(.overflow, UInt64(replaced))
                if kind == .video, state.count == 0, !frame.isKeyframe {
                    state.needsKeyframe = true
                    state.drops.add(.missingReference)
                    return .keyframeNeeded
                }
            }
            swap(&state.slots[(state.head + state.count) % FrameRing.capacity], &frame)
            state.count += 1
            state.pushed &+= 1
            return replaced == 0 ? .accepted : .replacedOlder(replaced)
        }
    }

    private func framesToDrop(_ state: borrowing State, for isKeyframe: Bool) -> Int {
        guard kind == .video else { return 1 }
        if isKeyframe { return state.count }
        for index in 1..<state.count where state.slots[(state.head + index) % FrameRing.capacity].isKeyframe {
            return index
        }
        return state.count
    }

    // MARK: any thread

    /// Frames let in since the start.
    public var pushedCount: UInt64 { state.withLock { $0.pushed } }
    /// Frames not delivered, by reason.
    public var drops: Counter<DropReason> { state.withLock { $0.drops } }
    /// Frames waiting now.
    public var count: Int { state.withLock { $0.count } }
}
