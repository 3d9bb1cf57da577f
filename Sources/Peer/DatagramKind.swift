import Primitives

/// Which machine a datagram on the session's sockets belongs to, by its first bytes (RFC 7983 section 7, with
/// RTP and RTCP told apart by RFC 5761 section 4).
public enum DatagramKind: Equatable, Sendable {
    case stun
    case dtls
    case turnChannel
    case rtp
    case rtcp

    /// nil for what no protocol here uses.
    public init?(_ datagram: Span<UInt8>) {
        guard datagram.count > 1 else { return nil }
        switch datagram[0] {
        case 0...3: self = .stun
        case 20...63: self = .dtls
        case 64...79: self = .turnChannel
        case 128...191:
            // RTCP packet types 192…223 collide with RTP payload types 64…95 and marker; RFC 5761 reserves them.
            self = (192...223).contains(datagram[1]) ? .rtcp : .rtp
        default: return nil
        }
    }
}
