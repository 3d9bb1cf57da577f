import COpenSSL
public import Primitives

/// What a technician wants to know of a certificate that another machine showed.
public struct PeerCertificate: Hashable, Sendable {
    /// Common name, or the organization; empty when there is neither.
    public var subject: String
    /// Common name, or the organization, of the authority that signed it.
    public var issuer: String
    /// `notBefore` (RFC 5280 section 4.1.2.5).
    public var validFrom: WallClock
    /// `notAfter`. Certificates without an end give the year 2262.
    public var validTo: WallClock

    init?(_ x509: OpaquePointer?) {
        guard let x509, let from = PeerCertificate.time(X509_get0_notBefore(x509)),
            let to = PeerCertificate.time(X509_get0_notAfter(x509))
        else { return nil }
        subject = PeerCertificate.name(X509_get_subject_name(x509))
        issuer = PeerCertificate.name(X509_get_issuer_name(x509))
        validFrom = from
        validTo = to
    }

    private static func name(_ name: OpaquePointer?) -> String {
        var text = [CChar](repeating: 0, count: 256)
        for part in [NID_commonName, NID_organizationName]
        where X509_NAME_get_text_by_NID(name, part, &text, Int32(text.count)) > 0 {
            return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return ""
    }

    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> WallClock? {
        var seconds: Int64 = 0
        guard copenssl_time_seconds(time, &seconds) == 1 else { return nil }
        return WallClock(secondsSince1970: seconds)
    }
}

/// Why a server's certificate is refused, as far as a technician can do something about it.
public enum CertificateVerdict: Hashable, Sendable {
    case accepted
    case notYetValid
    case expired
    case hostNameMismatch
    case selfSigned
    case notTrusted
    /// OpenSSL's words.
    case other(String)

    init(_ code: Int) {
        switch Int32(truncatingIfNeeded: code) {
        case X509_V_OK: self = .accepted
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .hostNameMismatch
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self = .selfSigned
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            self = .notTrusted
        default: self = .other(X509_verify_cert_error_string(code).map { String(cString: $0) } ?? "refused")
        }
    }
}
