/// Why media was dropped on our side of the wire.
public enum MediaDrop: Int, CaseIterable, Sendable {
    /// Encoded before the keys were there, or of a kind the peer does not ask for, or no longer.
    case frameNotWanted
    /// Refers to a picture that was dropped before it was sent.
    case missingReference
    /// Waited in the queue when a keyframe made it unnecessary.
    case supersededByKeyframe
    /// Waited in the queue for longer than anybody wants to look into the past.
    case waitedTooLong
    /// SRTP refused to protect it.
    case protectionFailed
    /// SRTP or SRTCP that came before the handshake was over.
    case beforeKeys
}
