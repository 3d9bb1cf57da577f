import CSRTP
public import Primitives

/// Protects what we send, for all our SSRCs. Swift allocates nothing per packet.
public struct SRTPSender: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only.
    private let session: SRTPSession
    /// Packets refused, by reason.
    public private(set) var errors: Counter<SRTPError>

    /// - Throws: `.failed` when this build of libsrtp lacks the profile.
    public init(key: SRTPMasterKey) throws(SRTPError) {
        session = try SRTPSession(key: key, outbound: true)
        errors = Counter()
    }

    /// The one that DTLS agreed on.
    public var profile: SRTPProfile { session.profile }

    /// Encrypts one RTP packet in place and appends the tag: `profile.rtpOverhead` bytes more.
    ///
    /// - Throws: `.noRoom`, `.malformed`, `.replayed` for a sequence number already used, `.keyExpired`; the packet's
    ///   contents are then undefined and it must not be sent.
    public mutating func protect(_ packet: inout PacketBuffer) throws(SRTPError) {
        do throws(SRTPError) {
            // libsrtp trusts the header's lengths where it does not check them: 12 bytes are the least (RFC 3550).
            guard packet.count >= 12 else { throw .malformed }
            guard packet.capacity - packet.count >= profile.rtpOverhead else { throw .noRoom }
            var length = Int32(packet.count)
            let handle = session.handle
            try SRTPSession.check(packet.withUnsafeMutableMemory { srtp_protect(handle, $0, &length) })
            packet.setCount(Int(length))
        } catch {
            errors.add(error)
            throw error
        }
    }

    /// Encrypts one compound RTCP packet in place: `profile.rtcpOverhead` bytes more. Throws as `protect`.
    public mutating func protectControl(_ packet: inout PacketBuffer) throws(SRTPError) {
        do throws(SRTPError) {
            guard packet.count >= 8 else { throw .malformed }
            guard packet.capacity - packet.count >= profile.rtcpOverhead else { throw .noRoom }
            var length = Int32(packet.count)
            let handle = session.handle
            try SRTPSession.check(packet.withUnsafeMutableMemory { srtp_protect_rtcp(handle, $0, &length) })
            packet.setCount(Int(length))
        } catch {
            errors.add(error)
            throw error
        }
    }
}
