public import Primitives

/// What waits to be sent, without its bytes: those stay once, in the stream's history, and are written with
/// their send-time extensions when the packet leaves.
public struct PacerItem: Sendable {
    public enum Purpose: Sendable {
        case media
        case retransmission
    }
    public var kind: MediaKind
    public var sequence: SequenceNumber
    public var purpose: Purpose
    /// Bytes of the packet as it was packetized; what the pacer's budget is charged with.
    public var size: DataSize
    public var enqueuedAt: Instant
}

/// Packets in the order they may leave: audio, then retransmissions, then video, each first in first out.
///
/// Audio first, because a late audio packet is heard and a late video packet is hardly seen; retransmissions
/// before new video, because the receiver cannot show newer pictures without them.
public struct PacerQueue: Sendable {
    private var audio: RingBuffer<PacerItem>
    private var retransmissions: RingBuffer<PacerItem>
    private var video: RingBuffer<PacerItem>
    /// Bytes waiting in all three queues.
    public private(set) var size: DataSize

    public init() {
        audio = RingBuffer(capacity: 64)
        retransmissions = RingBuffer(capacity: 256)
        video = RingBuffer(capacity: 512)
        size = .zero
    }

    public var isEmpty: Bool { audio.isEmpty && retransmissions.isEmpty && video.isEmpty }
    public var count: Int { audio.count + retransmissions.count + video.count }
    /// Whether audio waits, which the pacer lets pass without a budget.
    public var hasAudio: Bool { !audio.isEmpty }
    /// Whether new video or a retransmission waits.
    public var hasVideo: Bool { !video.isEmpty || !retransmissions.isEmpty }

    /// When the oldest waiting packet came in.
    public var oldest: Instant? {
        let first = min(audio.first?.enqueuedAt ?? .distantFuture, retransmissions.first?.enqueuedAt ?? .distantFuture)
        let oldest = min(first, video.first?.enqueuedAt ?? .distantFuture)
        return oldest == .distantFuture ? nil : oldest
    }

    public mutating func push(_ item: PacerItem) {
        size += item.size
        switch (item.kind, item.purpose) {
        case (.audio, .media): audio.append(item)
        case (_, .retransmission): retransmissions.append(item)
        case (.video, .media): video.append(item)
        }
    }

    /// The next packet that may leave.
    public mutating func pop() -> PacerItem? {
        let item = audio.popFirst() ?? retransmissions.popFirst() ?? video.popFirst()
        if let item { size -= item.size }
        return item
    }

    /// The next audio packet, when only audio may leave.
    public mutating func popAudio() -> PacerItem? {
        let item = audio.popFirst()
        if let item { size -= item.size }
        return item
    }

    /// Forgets waiting video and its retransmissions, when a keyframe makes them useless. Returns how many.
    public mutating func removeVideo() -> Int {
        var removed = 0
        while let item = retransmissions.popFirst() ?? video.popFirst() {
            size -= item.size
            removed += 1
        }
        return removed
    }
}
