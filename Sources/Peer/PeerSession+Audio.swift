public import Primitives
import SDP

/// What the peer said of the Opus that it likes to receive (`a=fmtp`, RFC 7587 section 6.1).
public struct AudioWishes: Hashable, Sendable {
    /// `useinbandfec`: its decoder takes advantage of in-band error correction.
    public var forwardErrorCorrection: Bool
    /// `usedtx`: it prefers that silence is not sent.
    public var discontinuousTransmission: Bool
    /// `maxaveragebitrate`: it does not want more.
    public var maximumBitrate: Bitrate?

    /// The standard's defaults: neither.
    public init(
        forwardErrorCorrection: Bool = false, discontinuousTransmission: Bool = false, maximumBitrate: Bitrate? = nil
    ) {
        self.forwardErrorCorrection = forwardErrorCorrection
        self.discontinuousTransmission = discontinuousTransmission
        self.maximumBitrate = maximumBitrate
    }

    init(_ parameters: FormatParameters) {
        forwardErrorCorrection = parameters.integer("useinbandfec") == 1
        discontinuousTransmission = parameters.integer("usedtx") == 1
        // The range that Opus has; anything else says nothing.
        maximumBitrate = parameters.integer("maxaveragebitrate").flatMap { bits in
            (6_000...510_000).contains(bits) ? Bitrate(bitsPerSecond: Int64(bits)) : nil
        }
    }
}

extension PeerSession {
    /// The standard's defaults before a description was accepted, and where no sound is sent.
    public var audioWishes: AudioWishes {
        let session: NegotiatedSession? =
            switch negotiation {
            case .answering(let negotiator): negotiator.session
            case .offering(_, let session): session
            }
        guard let codec = session?.sending(.audio)?.codecs.first?.codec else { return AudioWishes() }
        return AudioWishes(codec.parameters)
    }
}
