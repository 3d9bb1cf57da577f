public import Primitives
import SDP

/// What the peer said of the Opus that it likes to receive (`a=fmtp`, RFC 7587 section 6.1).
public struct AudioWishes: Hashable, Sendable {
    /// `useinbandfec`: its decoder takes advantage of in-band error correction.
    public var forwardErrorCorrection: Bool
    /// `usedtx`: it prefers that silence is not sent.
    public var discontinuousTransmission: Bool
    /// `maxaveragebitrate`, or the narrower of its `b=` lines: it does not want more.
    public var maximumBitrate: Bitrate?
    /// `maxplaybackrate`, in hertz: it plays no more than that, so that what is above half of it need not be sent.
    public var maximumPlaybackRate: Int?
    /// `a=maxptime`, in milliseconds: no packet is to hold more.
    public var maximumPacketTime: Int?

    /// The standard's defaults: neither.
    public init(
        forwardErrorCorrection: Bool = false, discontinuousTransmission: Bool = false, maximumBitrate: Bitrate? = nil,
        maximumPlaybackRate: Int? = nil, maximumPacketTime: Int? = nil
    ) {
        self.forwardErrorCorrection = forwardErrorCorrection
        self.discontinuousTransmission = discontinuousTransmission
        self.maximumBitrate = maximumBitrate
        self.maximumPlaybackRate = maximumPlaybackRate
        self.maximumPacketTime = maximumPacketTime
    }

    init(_ parameters: FormatParameters) {
        forwardErrorCorrection = parameters.integer("useinbandfec") == 1
        discontinuousTransmission = parameters.integer("usedtx") == 1
        // The range that Opus has; anything else says nothing.
        maximumBitrate = parameters.integer("maxaveragebitrate").flatMap { bits in
            (6_000...510_000).contains(bits) ? Bitrate(bitsPerSecond: Int64(bits)) : nil
        }
        maximumPlaybackRate = parameters.integer("maxplaybackrate").flatMap { (8_000...48_000).contains($0) ? $0 : nil }
        maximumPacketTime = nil
    }

    init(_ session: NegotiatedSession) {
        guard let section = session.sending(.audio), let codec = section.codecs.first?.codec else {
            self.init()
            return
        }
        self.init(codec.parameters)
        maximumBitrate = [maximumBitrate, section.maximumBitrate, session.maximumBitrate].compactMap(\.self).min()
        maximumPacketTime = section.maximumPacketTime
    }
}
