import CSRTP
import Primitives

// SRTP and SRTCP (RFC 3711, AES-GCM by RFC 7714) over libsrtp, one direction at a time.
//
// A session of libsrtp with a wildcard SSRC holds a template. The first packet of each SSRC clones the template into
// a stream, for inbound packets only after they were authenticated, so strangers cannot make it grow. Nothing of ours
// and nothing of libsrtp allocates per packet after that; the NSS library below Debian's build of it makes and frees a
// few small blocks each time. AES-GCM protects 1,200 bytes in 1 µs there, counter mode with HMAC-SHA1 in 4 µs, which
// is why GCM is preferred where the choice is ours.
//
// Replay is judged per SSRC over a window of 1,024 packets. Retransmissions travel with their own SSRC (RFC 4588), so a
// repeated sequence number is always a replay or our own mistake, never a resend.

/// A libsrtp session: what sender and receiver have in common.
struct SRTPSession: ~Copyable {
    static let replayWindow: UInt = 1024

    let handle: OpaquePointer
    let profile: SRTPProfile

    // The library's own start, once per process.
    private static let libraryStatus: srtp_err_status_t = srtp_init()

    init(key: SRTPMasterKey, outbound: Bool) throws(SRTPError) {
        guard SRTPSession.libraryStatus == srtp_err_status_ok else { throw .failed }
        var material = key.key + key.salt
        defer { for index in material.indices { material[index] = 0 } }
        var created: OpaquePointer?
        let status = material.withUnsafeMutableBufferPointer { bytes -> srtp_err_status_t in
            var policy = srtp_policy_t()
            guard
                csrtp_policy_init(
                    &policy, UInt32(key.profile.rawValue), bytes.baseAddress, outbound ? 1 : 0,
                    SRTPSession.replayWindow) == 1
            else { return srtp_err_status_bad_param }
            return srtp_create(&created, &policy)
        }
        guard status == srtp_err_status_ok, let created else { throw .failed }
        handle = created
        profile = key.profile
    }

    deinit { srtp_dealloc(handle) }

    /// Turns libsrtp's status into ours.
    static func check(_ status: srtp_err_status_t) throws(SRTPError) {
        switch status {
        case srtp_err_status_ok: return
        case srtp_err_status_replay_fail, srtp_err_status_replay_old: throw .replayed
        case srtp_err_status_auth_fail: throw .authenticationFailed
        case srtp_err_status_parse_err, srtp_err_status_bad_param: throw .malformed
        case srtp_err_status_key_expired: throw .keyExpired
        default: throw .failed
        }
    }
}
