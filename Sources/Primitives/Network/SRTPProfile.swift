/// A DTLS-SRTP protection profile: what `use_srtp` negotiates and SRTP runs with (RFC 5764 section 4.1.2,
/// RFC 7714 section 14.2). Raw values are the IANA numbers.
public enum SRTPProfile: UInt16, Sendable, CaseIterable {
    /// AES-128 counter mode, HMAC-SHA1 with an 80-bit tag: mandatory for WebRTC (RFC 8827 section 6.5).
    case aes128CounterModeSHA1Tag80 = 0x0001
    /// AES-128-GCM: authenticated and cheaper where the processor has AES instructions.
    case aeadAES128GCM = 0x0007
    /// AES-256-GCM.
    case aeadAES256GCM = 0x0008

    /// As the IANA registry of DTLS-SRTP protection profiles has it (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
    public var registeredName: String {
        switch self {
        case .aes128CounterModeSHA1Tag80: "SRTP_AES128_CM_HMAC_SHA1_80"
        case .aeadAES128GCM: "SRTP_AEAD_AES_128_GCM"
        case .aeadAES256GCM: "SRTP_AEAD_AES_256_GCM"
        }
    }

    /// Bytes of the master key.
    @inlinable public var keyLength: Int {
        switch self {
        case .aes128CounterModeSHA1Tag80, .aeadAES128GCM: 16
        case .aeadAES256GCM: 32
        }
    }

    /// Bytes of the master salt.
    @inlinable public var saltLength: Int {
        switch self {
        case .aes128CounterModeSHA1Tag80: 14
        case .aeadAES128GCM, .aeadAES256GCM: 12
        }
    }

    /// Bytes that protection adds to an RTP packet.
    @inlinable public var rtpOverhead: Int {
        switch self {
        case .aes128CounterModeSHA1Tag80: 10
        case .aeadAES128GCM, .aeadAES256GCM: 16
        }
    }

    /// Bytes that protection adds to an RTCP packet: tag, and E flag with index.
    @inlinable public var rtcpOverhead: Int { rtpOverhead + 4 }
}

/// Master key and salt of one direction of an SRTP session. Printing it shows no key.
public struct SRTPMasterKey: Sendable {
    /// What key and salt are for.
    public var profile: SRTPProfile
    /// `profile.keyLength` bytes.
    public var key: [UInt8]
    /// `profile.saltLength` bytes.
    public var salt: [UInt8]

    /// `key` and `salt` must have the profile's lengths.
    public init(profile: SRTPProfile, key: [UInt8], salt: [UInt8]) {
        precondition(
            key.count == profile.keyLength && salt.count == profile.saltLength,
            "srtp master key: key and salt must have the profile's lengths")
        self.profile = profile
        self.key = key
        self.salt = salt
    }
}

extension SRTPMasterKey: CustomStringConvertible, CustomReflectable {
    public var description: String { "\(profile) (redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
