internal import Crypto
public import Primitives

/// One certificate of a server's chain: what a technician wants to know of it.
public struct ServerCertificate: Hashable, Sendable {
    /// Common name, or the organization; empty when there is neither.
    public var subject: String
    /// Common name, or the organization, of the authority that signed it.
    public var issuer: String
    /// When it begins to be valid.
    public var validFrom: WallClock
    /// When it ends to be valid.
    public var validTo: WallClock

    /// Nothing is checked.
    public init(subject: String, issuer: String, validFrom: WallClock, validTo: WallClock) {
        self.subject = subject
        self.issuer = issuer
        self.validFrom = validFrom
        self.validTo = validTo
    }

    init(_ certificate: PeerCertificate) {
        self.init(
            subject: certificate.subject, issuer: certificate.issuer, validFrom: certificate.validFrom,
            validTo: certificate.validTo)
    }
}

extension TLSFailure {
    /// Nil when the certificate was not what failed.
    init?(_ verdict: CertificateVerdict) {
        switch verdict {
        case .accepted: return nil
        case .notYetValid: self = .notYetValid
        case .expired: self = .expired
        case .hostNameMismatch: self = .hostNameMismatch
        case .selfSigned: self = .selfSigned
        case .notTrusted: self = .notTrusted
        case .other(let reason): self = .other("certificate refused (\(reason))")
        }
    }
}
