public import Primitives

extension Fingerprint {
    /// The fingerprint of a certificate in DER.
    public init(ofDER der: Span<UInt8>, algorithm: Algorithm = .sha256) {
        self.init(algorithm: algorithm, digest: Digest.hash(der, using: algorithm.hash))
    }

    /// Whether this is the fingerprint of the certificate `der`.
    public func matches(der: Span<UInt8>) -> Bool {
        let other = Fingerprint(ofDER: der, algorithm: algorithm)
        return constantTimeEqual(digest.span, other.digest.span)
    }
}

extension Fingerprint.Algorithm {
    var hash: DigestAlgorithm {
        switch self {
        case .sha256: .sha256
        case .sha384: .sha384
        case .sha512: .sha512
        }
    }
}
