import Primitives
import SDP

/// What the peer said of the pictures that it is able to decode.
public struct VideoWishes: Hashable, Sendable {
    /// Macroblocks of 16 by 16 pixels in a picture, rounded up each way: `max-fs` of RFC 7741 section 6.1.
    public var maximumFrameSize: Int?
    /// Pictures per second: `max-fr` of RFC 7741 section 6.1, or `a=framerate`.
    public var maximumFrameRate: Int?

    /// Nil: no wish.
    public init(maximumFrameSize: Int? = nil, maximumFrameRate: Int? = nil) {
        self.maximumFrameSize = maximumFrameSize
        self.maximumFrameRate = maximumFrameRate
    }

    init(_ session: NegotiatedSession) {
        guard let section = session.sending(.video), let agreed = section.codecs.first, let video = agreed.video else {
            self.init()
            return
        }
        let codec = agreed.codec
        func positive(_ name: String) -> Int? { codec.parameters.integer(name).flatMap { $0 > 0 ? $0 : nil } }
        switch video {
        case .vp8:
            self.init(
                maximumFrameSize: positive("max-fs"),
                maximumFrameRate: [positive("max-fr"), section.maximumFrameRate].compactMap(\.self).min())
        }
    }
}
