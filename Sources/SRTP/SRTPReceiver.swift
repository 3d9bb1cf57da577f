import CSRTP
public import Primitives

/// Authenticates and decrypts what the peer sends, for all its SSRCs.
public struct SRTPReceiver: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only.
    private let session: SRTPSession
    /// Packets dropped, by reason.
    public private(set) var errors: Counter<SRTPError>

    /// - Throws: `.failed` when this build of libsrtp lacks the profile.
    public init(key: SRTPMasterKey) throws(SRTPError) {
        session = try SRTPSession(key: key, outbound: false)
        errors = Counter()
    }

    public var profile: SRTPProfile { session.profile }

    /// Turns one SRTP packet into the RTP packet it carries, in place.
    ///
    /// - Throws: `.replayed`, `.authenticationFailed`, `.malformed`: the reason to drop it, already counted.
    public mutating func unprotect(_ packet: inout PacketBuffer) throws(SRTPError) {
        do throws(SRTPError) {
            guard packet.count >= 12 + profile.rtpOverhead else { throw .malformed }
            var length = Int32(packet.count)
            let handle = session.handle
            try SRTPSession.check(packet.withUnsafeMutableMemory { srtp_unprotect(handle, $0, &length) })
            packet.setCount(Int(length))
        } catch {
            errors.add(error)
            throw error
        }
    }

    /// Turns one SRTCP packet into the compound RTCP packet it carries, in place. Throws as `unprotect`.
    public mutating func unprotectControl(_ packet: inout PacketBuffer) throws(SRTPError) {
        do throws(SRTPError) {
            guard packet.count >= 8 + profile.rtcpOverhead else { throw .malformed }
            var length = Int32(packet.count)
            let handle = session.handle
            try SRTPSession.check(packet.withUnsafeMutableMemory { srtp_unprotect_rtcp(handle, $0, &length) })
            packet.setCount(Int(length))
        } catch {
            errors.add(error)
            throw error
        }
    }
}
