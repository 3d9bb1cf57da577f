/// The hash of a certificate's DER form, as it travels in SDP: `sha-256 AB:CD:…` (RFC 8122 section 5).
///
/// A WebRTC peer shows a self-signed certificate; that it is the right one is known only because its hash came over
/// the signaling path. Comparing them is therefore the authentication of the media path.
public struct Fingerprint: Hashable, Sendable {
    /// The hash functions still trusted. MD5, MD2 and SHA-1 are not: an attacker could make a certificate to fit.
    public enum Algorithm: String, Hashable, Sendable, CaseIterable {
        case sha256 = "sha-256"
        case sha384 = "sha-384"
        case sha512 = "sha-512"

        /// Bytes of the digest.
        public var digestLength: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    /// What the certificate was hashed with.
    public var algorithm: Algorithm
    /// As many bytes as `algorithm.digestLength`.
    public var digest: [UInt8]

    /// `digest` must have the algorithm's length.
    public init(algorithm: Algorithm, digest: [UInt8]) {
        precondition(digest.count == algorithm.digestLength, "fingerprint: digest of the wrong length")
        self.algorithm = algorithm
        self.digest = digest
    }

    /// Reads `sha-256 A1:77:…`, case ignored; nil for an untrusted hash function or a digest of the wrong length.
    public init?(parsing text: some StringProtocol) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: parts[0].lowercased()) else { return nil }
        let octets = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        var digest: [UInt8] = []
        for octet in octets {
            guard octet.utf8.count == 2, octet.utf8.allSatisfy(\.isHexDigit), let value = UInt8(octet, radix: 16) else {
                return nil
            }
            digest.append(value)
        }
        guard digest.count == algorithm.digestLength else { return nil }
        self.init(algorithm: algorithm, digest: digest)
    }

    /// `sha-256 A1:77:…` in upper case, as RFC 8122 asks for.
    public var text: String {
        let digits = digest.map { octet in (octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true) }
        return "\(algorithm.rawValue) \(digits.joined(separator: ":"))"
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
    }
}
