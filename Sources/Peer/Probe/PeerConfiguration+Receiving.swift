import Primitives
import SDP

extension PeerConfiguration {
    /// A session that offers to receive video and does not send: the other end of a call to oneself.
    public static var receivingVideo: PeerConfiguration {
        PeerConfiguration(
            role: .offerer, capabilities: LocalCapabilities(audio: nil, video: .video(direction: .recvonly)))
    }
}
