import Primitives
import SDP

/// What the peer said of the pictures that it is able to decode.
public struct VideoWishes: Hashable, Sendable {
    /// `max-fs` of VP8 (RFC 7741 section 6.1): macroblocks of 16 by 16 pixels in a picture, rounded up each way.
    public var maximumFrameSize: Int?
    /// Pictures per second: `max-fr` of VP8, or `a=framerate`.
    public var maximumFrameRate: Int?

    /// Nil: no wish.
    public init(maximumFrameSize: Int? = nil, maximumFrameRate: Int? = nil) {
        self.maximumFrameSize = maximumFrameSize
        self.maximumFrameRate = maximumFrameRate
    }
}

extension PeerSession {
    /// No wishes before a description was accepted, and where no picture is sent.
    public var videoWishes: VideoWishes {
        guard let section = negotiated?.sending(.video), let codec = section.codecs.first?.codec else {
            return VideoWishes()
        }
        func positive(_ name: String) -> Int? { codec.parameters.integer(name).flatMap { $0 > 0 ? $0 : nil } }
        return VideoWishes(
            maximumFrameSize: positive("max-fs"),
            maximumFrameRate: [positive("max-fr"), section.maximumFrameRate].compactMap(\.self).min())
    }
}
