public import Congestion
public import Primitives

/// What waits to be sent, without its bytes: those stay once, in the stream's history, and are written with
/// their send-time extensions when the packet leaves.
public struct PacerItem: Sendable {
    /// Whether it goes for the first time or again.
    public enum Purpose: Sendable {
        case media
        case retransmission
    }
    /// Audio or video.
    public var kind: MediaKind
    /// In the stream of that kind.
    public var sequence: SequenceNumber
    /// For the first time or again.
    public var purpose: Purpose
    /// Bytes of the packet as it was packetized, for how much waits. The pacer's budget is charged when it leaves, with
    /// SRTP's trailer and the headers below.
    public var size: DataSize
    /// When it came into the queue, for `oldest` and the send delay.
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

    /// Empty.
    public init() {
        audio = RingBuffer(capacity: 64)
        retransmissions = RingBuffer(capacity: 256)
        video = RingBuffer(capacity: 512)
        size = .zero
    }

    /// Whether nothing waits at all.
    public var isEmpty: Bool { audio.isEmpty && retransmissions.isEmpty && video.isEmpty }
    /// Packets in all three queues.
    public var count: Int { audio.count + retransmissions.count + video.count }
    /// What waits, for the pacer. `canPad`: there is a retransmission source for padding.
    public func state(canPad: Bool) -> PacerQueues {
        PacerQueues(
            hasAudio: !audio.isEmpty, hasRetransmission: !retransmissions.isEmpty, hasVideo: !video.isEmpty,
            waiting: size, canPad: canPad)
    }

    /// When the oldest waiting packet came in.
    public var oldest: Instant? {
        let first = min(audio.first?.enqueuedAt ?? .distantFuture, retransmissions.first?.enqueuedAt ?? .distantFuture)
        let oldest = min(first, video.first?.enqueuedAt ?? .distantFuture)
        return oldest == .distantFuture ? nil : oldest
    }

    /// Behind those of its kind.
    public mutating func push(_ item: PacerItem) {
        size += item.size
        switch (item.kind, item.purpose) {
        case (.audio, .media): audio.append(item)
        case (_, .retransmission): retransmissions.append(item)
        case (.video, .media): video.append(item)
        }
    }

    /// The first packet of a kind.
    public mutating func pop(_ kind: PacerPacketKind) -> PacerItem? {
        let item: PacerItem?
        switch kind {
        case .audio: item = audio.popFirst()
        case .retransmission: item = retransmissions.popFirst()
        case .video: item = video.popFirst()
        case .padding: item = nil
        }
        if let item { size -= item.size }
        return item
    }

    /// Forgets everything.
    public mutating func removeAll() {
        audio.removeAll()
        retransmissions.removeAll()
        video.removeAll()
        size = .zero
    }

    /// Forgets what waits of one kind, its retransmissions too. Returns how many packets that were, and the first that has
    /// never been sent: from there on the stream's numbers are free again.
    public mutating func remove(_ kind: MediaKind) -> (count: Int, firstUnsent: SequenceNumber?) {
        let before = count
        // Each goes round once.
        for _ in 0..<retransmissions.count {
            guard let item = retransmissions.popFirst() else { break }
            if item.kind == kind { size -= item.size } else { retransmissions.append(item) }
        }
        let firstUnsent: SequenceNumber?
        switch kind {
        case .audio:
            firstUnsent = audio.first?.sequence
            while let item = audio.popFirst() { size -= item.size }
        case .video:
            firstUnsent = video.first?.sequence
            while let item = video.popFirst() { size -= item.size }
        }
        return (before - count, firstUnsent)
    }
}
