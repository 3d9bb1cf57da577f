import CSRTP
public import Primitives

/// Authenticates and decrypts what the peer sends, for all its SSRCs.
public struct SRTPReceiver: ~Copyable, @unchecked Sendable {
    // Unique ownership and mutating calls only.
    private let session: SRTPSession
    /// Of every source that was heard libsrtp keeps a context, and a source that were forgotten could be replayed: so
    /// there is an end to how many an authenticated peer may speak for. A monitor's browser has one to five.
    public static let mostSources = 64

    /// Packets dropped, by reason.
    public private(set) var errors: Counter<SRTPError>
    private var sources: [UInt32]

    /// - Throws: `.failed` when this build of libsrtp lacks the profile.
    public init(key: SRTPMasterKey) throws(SRTPError) {
        session = try SRTPSession(key: key, outbound: false)
        errors = Counter()
        sources = []
        sources.reserveCapacity(SRTPReceiver.mostSources)
    }

    /// The one that DTLS agreed on.
    public var profile: SRTPProfile { session.profile }

    /// Turns one SRTP packet into the RTP packet it carries, in place.
    ///
    /// - Throws: `.replayed`, `.authenticationFailed`, `.malformed`, `.tooManySources`: the reason to drop it, already
    ///   counted.
    public mutating func unprotect(_ packet: inout PacketBuffer) throws(SRTPError) {
        do throws(SRTPError) {
            guard packet.count >= 12 + profile.rtpOverhead else { throw .malformed }
            let source = packet.bytes.source(at: 8)
            let isKnown = try isKnown(source)
            var length = Int32(packet.count)
            let handle = session.handle
            try SRTPSession.check(packet.withUnsafeMutableMemory { srtp_unprotect(handle, $0, &length) })
            packet.setCount(Int(length))
            if !isKnown { sources.append(source) }
        } catch {
            errors.add(error)
            throw error
        }
    }

    /// Turns one SRTCP packet into the compound RTCP packet it carries, in place. Throws as `unprotect`.
    public mutating func unprotectControl(_ packet: inout PacketBuffer) throws(SRTPError) {
        do throws(SRTPError) {
            guard packet.count >= 8 + profile.rtcpOverhead else { throw .malformed }
            let source = packet.bytes.source(at: 4)
            let isKnown = try isKnown(source)
            var length = Int32(packet.count)
            let handle = session.handle
            try SRTPSession.check(packet.withUnsafeMutableMemory { srtp_unprotect_rtcp(handle, $0, &length) })
            packet.setCount(Int(length))
            if !isKnown { sources.append(source) }
        } catch {
            errors.add(error)
            throw error
        }
    }

    private func isKnown(_ source: UInt32) throws(SRTPError) -> Bool {
        if sources.contains(source) { return true }
        guard sources.count < SRTPReceiver.mostSources else { throw .tooManySources }
        return false
    }
}

extension Span<UInt8> {
    /// The SSRC in the header of an RTP or RTCP packet, which is never encrypted (RFC 3711 sections 3.1 and 3.4).
    fileprivate func source(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 8 | UInt32(self[offset + $1]) }
    }
}
