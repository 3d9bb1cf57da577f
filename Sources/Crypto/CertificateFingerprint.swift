/// The hash of a certificate's DER form, as it travels in SDP: `sha-256 AB:CD:…` (RFC 8122 section 5).
///
/// A DTLS peer shows a self-signed certificate; that it is the right one is known only because its hash came
/// over the signaling path. This comparison is therefore the authentication of the media path.
public struct CertificateFingerprint: Hashable, Sendable {
    /// The hash functions accepted. RFC 8122 forbids MD2 and MD5; SHA-1 is left out as broken.
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256 = "sha-256"
        case sha384 = "sha-384"
        case sha512 = "sha-512"

        var digest: DigestAlgorithm {
            switch self {
            case .sha256: .sha256
            case .sha384: .sha384
            case .sha512: .sha512
            }
        }
    }

    public let algorithm: Algorithm
    /// The hash itself, as long as the algorithm says.
    public let bytes: [UInt8]

    /// The fingerprint of a certificate in DER.
    public init(ofDER der: Span<UInt8>, algorithm: Algorithm = .sha256) {
        self.algorithm = algorithm
        bytes = Digest.hash(der, using: algorithm.digest)
    }

    /// Parses the two fields of SDP's `a=fingerprint`. The name's case does not matter (RFC 8122 section 5), nor does
    /// the digits'; nil for an unknown hash function, a wrong length or any other form.
    public init?(algorithm name: some StringProtocol, value: some StringProtocol) {
        guard let algorithm = Algorithm(rawValue: name.lowercased()) else { return nil }
        let text = Array(value.utf8)
        let size = algorithm.digest.byteCount
        guard text.count == size * 3 - 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        for index in 0..<size {
            let at = index * 3
            guard let high = Hex.value(of: text[at]), let low = Hex.value(of: text[at + 1]),
                index == size - 1 || text[at + 2] == UInt8(ascii: ":")
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// Parses `sha-256 AB:CD:…`.
    public init?(_ text: String) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count == 2 else { return nil }
        self.init(algorithm: fields[0], value: fields[1])
    }

    /// Whether this is the fingerprint of the certificate `der`.
    public func matches(der: Span<UInt8>) -> Bool {
        let other = CertificateFingerprint(ofDER: der, algorithm: algorithm)
        return constantTimeEqual(bytes.span, other.bytes.span)
    }

    /// The second field of `a=fingerprint`: upper-case pairs of digits with colons between.
    public var value: String {
        let digits: StaticString = "0123456789ABCDEF"
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 3)
        for byte in bytes {
            if !text.isEmpty { text.append(UInt8(ascii: ":")) }
            text.append(digits.utf8Start[Int(byte >> 4)])
            text.append(digits.utf8Start[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension CertificateFingerprint: CustomStringConvertible {
    public var description: String { "\(algorithm.rawValue) \(value)" }
}
