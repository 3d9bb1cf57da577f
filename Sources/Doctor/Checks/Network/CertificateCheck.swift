import AgentSettings
import HTTPTransport
import JSON
import Primitives
import Reactor
import ServerLink

/// The server's chain as it shows it, also when it is refused.
enum CertificateCheck: Check {
    struct Chain: Sendable {
        var server: ServerAddress
        /// The server's own first; never empty.
        var chain: [ServerCertificate]
        /// Why it was refused; nil when it was not.
        var failure: TLSFailure?
        var now: WallClock
    }

    enum Observation: Sendable {
        /// The server is reached without TLS.
        case plain(ServerAddress, isAllowed: Bool)
        /// TLS failed before a certificate was seen.
        case noCertificate(ServerAddress, TLSFailure)
        case chain(Chain)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration else { return .noConfiguration }
        let server = configuration.server
        guard server.isSecure else { return .seen(.plain(server, isAllowed: configuration.allowInsecure)) }
        let exchange = context.serverExchange()
        let failure: TLSFailure? = if case .failure(.tls(let failure)) = exchange.outcome { failure } else { nil }
        guard exchange.certificates.isEmpty else {
            return .seen(
                .chain(
                    Chain(
                        server: server, chain: exchange.certificates, failure: failure, now: SystemWallClock.now())))
        }
        return failure.map { .seen(.noCertificate(server, $0)) } ?? .notChecked("the server is not reachable")
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation {
        case .plain(let server, _) where server.isLoopback:
            return .ok("\(server) is this machine: no TLS is needed")
        case .plain(let server, let isAllowed):
            return Finding(
                .warning, "\(server) is reached without TLS",
                why: "whoever is on the way reads the password and every crew event",
                remedy: "let the server speak TLS, and write https:// in the configuration"
                    + (isAllowed ? "" : "; allowInsecure: true if it has to stay so"))
        case .noCertificate(let server, let failure):
            let trouble = LinkTrouble(.tls(failure), server: server)
            return Finding(
                .failed, trouble.message, why: "without TLS no password and no crew event leaves the kiosk",
                remedy: trouble.remedy ?? "see what the server says: \(server.openSSLCommand)")
        case .chain(let chain): return judge(chain)
        }
    }

    private static func judge(_ observed: Chain) -> Finding {
        let own = observed.chain[0]
        let (chain, server) = (observed.chain, observed.server)
        let why = "without TLS no password and no crew event leaves the kiosk"
        var facts = JSONObject()
        facts["chain"] = .array(
            chain.map { certificate in
                JSONValue.object(
                    JSONObject([
                        ("subject", .string(certificate.subject)), ("issuer", .string(certificate.issuer)),
                        ("validFrom", .string(certificate.validFrom.text)),
                        ("validTo", .string(certificate.validTo.text)),
                    ]))
            })
        // The chain is valid only until the first of its certificates expires.
        let first = chain.min { $0.validTo < $1.validTo } ?? own
        let days = Int(((first.validTo - observed.now).seconds / 86_400).rounded(.down))
        facts["daysLeft"] = .integer(days)
        let whose = first == own ? "" : " (of \(first.subject))"
        let seen = "\(own.subject), issued by \(own.issuer)"
        switch observed.failure {
        case .expired:
            return Finding(
                .failed,
                "\(seen): expired on \(first.validTo.date)\(whose), or this machine's clock is ahead (\(observed.now.text))",
                why: why, remedy: "check the clock first, then renew the certificate on the server", facts: facts)
        case .notYetValid:
            return Finding(
                .failed, "\(seen): valid from \(own.validFrom.date) on, and here it is \(observed.now.text)", why: why,
                remedy: "set this machine's clock: timedatectl", facts: facts)
        case .notTrusted, .selfSigned, .hostNameMismatch, .other:
            let trouble = LinkTrouble(.tls(observed.failure!), server: server)
            return Finding(
                .failed, "\(seen): \(trouble.message)", why: why,
                remedy: trouble.remedy ?? "see what the server says: \(server.openSSLCommand)", facts: facts)
        case nil: break
        }
        if days < 21 {
            return Finding(
                .warning, "\(seen), \(max(days, 0)) days left\(whose)",
                why: "on \(first.validTo.date) every kiosk loses the server", remedy: "renew it on the server",
                facts: facts)
        }
        return .ok("\(seen), \(days) days left\(whose)", facts: facts)
    }
}

extension WallClock {
    /// The day, `2026-11-21`.
    var date: String { String(text.prefix(10)) }

    /// IMF-fixdate (RFC 9110 section 5.6.7), `Sun, 06 Nov 1994 08:49:37 GMT`.
    init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        self.init(text: "\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z")
    }
}
