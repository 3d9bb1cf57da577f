internal import Crypto
public import Primitives
public import SessionRules
public import Signaling

/// The STUN and TURN servers clients are told.
public struct ICESettings: Sendable {
    /// `stun:host:port`
    public var stun: [String]
    /// `turn:host:port?transport=udp`, `turns:…`
    public var turn: [String]
    /// Shared with the TURN server; nil gives clients no credentials.
    public var sharedSecret: Redacted<String>?
    /// How long a client may allocate with its credentials; an allocation made in time goes on for longer.
    public var credentialLifetime: Duration

    public init(
        stun: [String] = [], turn: [String] = [], sharedSecret: Redacted<String>? = nil,
        credentialLifetime: Duration = .seconds(3600)
    ) {
        self.stun = stun
        self.turn = turn
        self.sharedSecret = sharedSecret
        self.credentialLifetime = credentialLifetime
    }

    /// As `RTCConfiguration.iceServers`. TURN entries carry time-limited credentials: the user name of the arguments, password base64 of
    /// HMAC-SHA1 over it, as coturn's `use-auth-secret` checks them (draft-uberti-behave-turn-rest-00).
    public func servers(_ credentials: ICECredentialArguments) -> [ICEServer] {
        var servers: [ICEServer] = []
        if !stun.isEmpty { servers.append(ICEServer(urls: stun)) }
        guard !turn.isEmpty else { return servers }
        guard let sharedSecret else { return servers + [ICEServer(urls: turn)] }
        let name = credentials.username
        let (message, key) = (Array(name.utf8), Array(sharedSecret.unredacted.utf8))
        let code = HMAC.authenticate(message.span, key: key.span, using: .sha1)
        return servers + [ICEServer(urls: turn, username: name, credential: Base64.encode(code.span))]
    }
}
