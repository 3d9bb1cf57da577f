public import Primitives
import SDP

extension PeerSession {
    /// A session that offers to receive video and does not send: the other end of a call to oneself.
    public init(
        receivingVideoFrom wallClock: WallClock, random: RandomSource, now: Instant
    ) throws(PeerError) {
        let capabilities = LocalCapabilities(audio: nil, video: .video(direction: .recvonly))
        try self.init(
            Configuration(role: .offerer, capabilities: capabilities), wallClock: wallClock, random: random, now: now)
    }
}
