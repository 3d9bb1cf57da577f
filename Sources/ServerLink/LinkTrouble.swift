public import AgentSettings
internal import HTTP
public import HTTPTransport
internal import JSON
internal import Primitives
public import Signaling
public import SocketIO

/// Why the kiosk has no server now, in words for a technician who reads one line.
public struct LinkTrouble: Hashable, Sendable {
    /// Stable names, for machines.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// No connection, no answer in time, or a connection that was closed before an answer.
        case serverAway = "server-away"
        /// The resolver knows no address of the server's host name.
        case nameNotFound = "name-not-found"
        /// The certificate is not trusted or for another name, or the server speaks no TLS.
        case tlsRefused = "tls-refused"
        /// A certificate outside its validity, or a clock that has not been set since power came.
        case clockWrong = "clock-wrong"
        /// Status 401 for a log-in: wrong password, or no such account.
        case wrongPassword = "wrong-password"
        /// The account exists and is disabled.
        case accountDisabled = "account-disabled"
        /// The account is a monitor's or an administrator's, not a kiosk's.
        case wrongRole = "wrong-role"
        /// The server refuses the token that it has just given.
        case tokenRefused = "token-refused"
        /// Status 429: the server asks to wait.
        case throttled
        /// An answer that kiosk-signaling does not give, or a redirection to another scheme or port of the host.
        case notAServer = "not-a-server"
        /// The network answers in the server's place, with a page of its own (RFC 8952) or a redirection to one.
        case captivePortal = "captive-portal"
        /// Status 5xx, or a refusal or missing answer to log-in or registration that has no kind of its own.
        case serverFailed = "server-failed"
        /// An established connection has ended.
        case connectionLost = "connection-lost"
        /// The credential or `kiosk.passwordFile` cannot be read at a log-in.
        case passwordUnreadable = "password-unreadable"
    }

    /// Decides how long the link waits before it tries again, and whether a change of the network ends the wait.
    public var kind: Kind
    /// What was seen.
    public var message: String
    /// What to do, where there is something to do.
    public var remedy: String?

    /// Takes the texts as they are: one line of English each, without capital and full stop.
    public init(_ kind: Kind, _ message: String, remedy: String? = nil) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
    }

    /// Whether waiting alone does not help, because a person has to change a password or an account.
    var isSlow: Bool {
        switch kind {
        case .wrongPassword, .accountDisabled, .wrongRole, .passwordUnreadable: true
        case .serverAway, .nameNotFound, .tlsRefused, .clockWrong, .tokenRefused, .throttled, .notAServer,
            .captivePortal, .serverFailed, .connectionLost:
            false
        }
    }
}

extension LinkTrouble {
    /// Whether a change of the network may end the trouble.
    var isOfTheNetwork: Bool {
        switch kind {
        case .serverAway, .nameNotFound, .tlsRefused, .clockWrong, .notAServer, .captivePortal, .connectionLost: true
        case .wrongPassword, .accountDisabled, .wrongRole, .passwordUnreadable, .tokenRefused, .throttled,
            .serverFailed:
            false
        }
    }
}

extension LinkTrouble: CustomStringConvertible {
    public var description: String { remedy.map { "\(message); \($0)" } ?? message }
}

extension LinkTrouble {
    /// A request or WebSocket that failed before a usable answer: name, connection, TLS, or what was answered.
    public init(_ failure: HTTPFailure, server: ServerAddress) {
        switch failure {
        case .badURL:
            self.init(
                .notAServer, "server address \(server) cannot be used", remedy: "check server in the configuration")
        case .nameNotFound(let host):
            self.init(.nameNotFound, "host name \(host) not found", remedy: "check the network and its name server")
        case .cannotConnect(let reason):
            self.init(.serverAway, "server \(server) does not answer (\(reason))")
        case .timedOut:
            self.init(.serverAway, "server \(server) does not answer in time")
        case .closedEarly:
            self.init(
                .serverAway, "server \(server) closed the connection before it answered",
                remedy: server.isSecure ? nil : LinkTrouble.writeSecure)
        case .tls(let reason):
            self.init(reason, server: server)
        case .upgradeRefused(let status):
            self.init(
                status >= 500 ? .serverFailed : .notAServer,
                "server \(server) refuses the WebSocket (status \(status))",
                remedy: "check that no proxy in between blocks WebSockets")
        case .tooLarge, .badResponse:
            self.init(
                .notAServer, "server \(server) answers unlike kiosk-signaling (\(failure))",
                remedy: server.isSecure ? "check server in the configuration" : LinkTrouble.writeSecure)
        }
    }

    private init(_ failure: TLSFailure, server: ServerAddress) {
        switch failure {
        case .expired:
            self.init(
                .clockWrong, "the certificate of \(server) has expired, or this machine's clock is ahead",
                remedy: "check the clock first")
        case .notYetValid:
            self.init(
                .clockWrong, "the certificate of \(server) is not valid yet: this machine's clock is behind",
                remedy: "wait for the time service, or set the clock")
        case .notTrusted, .selfSigned:
            self.init(
                .tlsRefused, "the certificate of \(server) is signed by nobody trusted here",
                remedy: "put its authority into tls.caFile")
        case .hostNameMismatch:
            self.init(
                .tlsRefused, "the certificate of \(server) is for another host name",
                remedy: "check server in the configuration; a network that wants a sign-in does this too")
        case .other(let reason):
            self.init(
                .tlsRefused, "no TLS with \(server) (\(reason))",
                remedy: LinkTrouble.isPlainText(reason)
                    ? "what listens there speaks no TLS: check scheme and port of server in the configuration"
                    : "check that the server speaks TLS on this port")
        }
    }

    private static let writeSecure =
        "check scheme and port: a server that speaks TLS is written https:// in the configuration"

    /// OpenSSL's errors where the server's first bytes are no TLS record.
    private static func isPlainText(_ reason: String) -> Bool {
        ["wrong version number", "http request", "packet length too long", "unknown protocol"].contains {
            reason.lowercased().contains($0)
        }
    }

    /// systemd copies the file at the service's start (`LoadCredential=`), and the copy is what the service reads.
    static let correctPasswordAndRestart =
        "check kiosk.id and the password file; after a correction: systemctl restart kiosk-agent, which keeps the password "
        + "that its file had at the start"

    /// An HTTP answer to a login or refresh other than a good one.
    public init(_ response: HTTPResponse, error: SignalingError?, kioskId: String, server: ServerAddress) {
        switch (response.status, error?.code) {
        case _ where response.isOfTheNetwork:
            self.init(unexpected: response, server: server)
        // The code before the status: a disabled account is refused with 401 as a wrong password is.
        case (_, .accountDisabled):
            self.init(
                .accountDisabled, "login refused: account \(kioskId) is disabled",
                remedy: "enable it on the server: kiosk-signaling account enable \(kioskId)")
        case (401, _):
            self.init(
                .wrongPassword, "login refused: wrong password, or no account \(kioskId) on \(server)",
                remedy: "check kiosk.id and the password file")
        case (429, _):
            self.init(.throttled, "too many logins of \(kioskId), the server asks to wait")
        case (403, nil):
            self.init(
                .serverFailed, "something between here and \(server) forbids the login (status 403)",
                remedy: "look at the proxy or firewall in front of the server")
        case (500..., _):
            self.init(unexpected: response, server: server)
        case (_, let code?):
            self.init(.serverFailed, "login refused (\(code.rawValue))")
        case (_, nil):
            self.init(unexpected: response, server: server)
        }
    }

    /// Something answers in the server's place: the network's own page (RFC 8952), a proxy, or another program.
    public init(unexpected response: HTTPResponse, server: ServerAddress) {
        if let target = response.redirection {
            if let elsewhere = ServerAddress(origin: target, from: server) {
                self.init(
                    .notAServer, "\(server) sends elsewhere, to \(elsewhere) (status \(response.status))",
                    remedy: "if that is the server, write it as server in the configuration")
                return
            }
            self.init(
                .captivePortal,
                "something answers instead of \(server) and sends to \(target.prefix(200)) (status \(response.status))",
                remedy: "the network wants a sign-in, or something in between blocks: open any http:// page from here")
        } else if response.isOfTheNetwork {
            self.init(
                .captivePortal, "the network answers with a page of its own instead of \(server)",
                remedy: "the network wants a sign-in, or something in between blocks: open any http:// page from here")
        } else if response.status >= 500 {
            self.init(
                .serverFailed,
                response.isPage
                    ? "a proxy answers for \(server) that the server behind it does not work (status \(response.status))"
                    : "server \(server) has a fault of its own (status \(response.status))",
                remedy: response.isPage
                    ? "look at the proxy's log and whether kiosk-signaling runs" : "look at the server's log")
        } else {
            self.init(
                .notAServer, "server \(server) answers unlike kiosk-signaling (status \(response.status))",
                remedy: "check server in the configuration")
        }
    }

    /// The clock has not been set yet: certificates cannot be judged.
    static func clockNotSet(_ now: WallClock) -> LinkTrouble {
        LinkTrouble(
            .clockWrong, "this machine's clock says \(now.text), so no certificate can be judged: waiting for the time",
            remedy: "timedatectl set-ntp true, or set the clock; its battery may be empty")
    }

    /// A Socket.IO connection that had been established and has ended.
    public init(_ reason: DisconnectReason) {
        switch reason {
        case .left, .serverShutdown: self.init(.connectionLost, "the server ended the connection")
        case .ended: self.init(.connectionLost, "the connection was ended")
        case .transportClosed: self.init(.connectionLost, "the connection was lost")
        case .pingTimeout: self.init(.connectionLost, "the server fell silent")
        case .protocolError, .overlappingRequests:
            self.init(.connectionLost, "the server sent something that cannot be understood")
        case .tooSlow: self.init(.connectionLost, "the network was too slow")
        }
    }
}

extension HTTPResponse {
    /// Whether this is a page for people, or sends us to one: our server never does that, networks that want a sign-in do
    /// (RFC 6585 section 6, RFC 8952). A proxy whose server is away (502 to 504) writes a page, too, and is no such network.
    fileprivate var isOfTheNetwork: Bool {
        status == 511 || redirection != nil || (isPage && status < 500)
    }

    fileprivate var isPage: Bool { (headers["Content-Type"] ?? "").lowercased().hasPrefix("text/html") }

    /// Where it sends us.
    fileprivate var redirection: String? { (300..<400).contains(status) ? headers["Location"] : nil }

    /// Whether the server itself refused a token, and it is of no more use.
    var refusesToken: Bool { (400..<500).contains(status) && status != 429 && !isOfTheNetwork }
}

extension ServerAddress {
    /// Where a redirection of the same host goes, when that is another origin: the same server under another scheme or port.
    fileprivate init?(origin target: String, from server: ServerAddress) {
        guard let schemeEnd = target.firstRange(of: "://") else { return nil }
        let authority = target[schemeEnd.upperBound...].prefix { !"/?#".contains($0) }
        guard let found = ServerAddress(String(target[..<schemeEnd.upperBound] + authority)), found != server,
            found.host.lowercased() == server.host.lowercased()
        else { return nil }
        self = found
    }
}
