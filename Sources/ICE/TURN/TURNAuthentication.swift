import Primitives
import STUN

/// Long-term credentials at work (RFC 8489 section 9.2): realm and nonce are learned by being refused, and everything after
/// that is signed.
///
/// A server keeps an allocation to the name that made it (441). Newer credentials therefore wait beside those in use
/// until these are refused.
struct TURNAuthentication: Sendable {
    private let authenticator: MessageAuthenticator
    private var credentials: TURNCredentials
    /// Given by signaling since the allocation was made; tried when those in use are refused.
    private var replacement: TURNCredentials?
    private var realm: String
    private var nonce: [UInt8]
    private var key: IntegrityKey?
    /// PASSWORD-ALGORITHMS as the server sent it, to be sent back; empty for servers of RFC 5389.
    private var passwordAlgorithms: [UInt8]
    private var algorithm: PasswordAlgorithm

    init(_ credentials: TURNCredentials, authenticator: MessageAuthenticator) {
        self.authenticator = authenticator
        self.credentials = credentials
        replacement = nil
        realm = ""
        nonce = []
        key = nil
        passwordAlgorithms = []
        algorithm = .md5
    }

    /// Whether requests are signed: the server has told how.
    var isChallenged: Bool { key != nil }

    /// Newer credentials. While an allocation hangs on those in use, they only replace them.
    mutating func renew(_ new: TURNCredentials, isInUse: Bool) {
        guard new != credentials else { return }
        replacement = new
        if !isInUse { _ = adoptReplacement() }
    }

    /// Those in use are refused. False when there are no newer ones.
    mutating func adoptReplacement() -> Bool {
        guard let new = replacement else { return false }
        credentials = new
        replacement = nil
        makeKey()
        return true
    }

    private mutating func makeKey() {
        guard !realm.isEmpty else { return }
        key = .longTerm(
            username: credentials.username, realm: realm, password: credentials.password, algorithm: algorithm,
            authenticator: authenticator)
    }

    /// Realm, nonce and how keys are made, from a 401 or 438 (RFC 8489 section 9.2.5). False when it cannot be answered.
    mutating func takeChallenge(_ message: borrowing STUNMessage) -> Bool {
        if let text = message.text(of: .realm) { realm = text }
        guard let range = message.valueRange(of: .nonce), range.count <= 763, !realm.isEmpty else { return false }
        nonce = message.copyBytes(of: .nonce)
        passwordAlgorithms = message.copyBytes(of: .passwordAlgorithms)
        guard let known = TURNAuthentication.firstKnown(in: passwordAlgorithms) else { return false }
        algorithm = known
        makeKey()
        return true
    }

    /// The first algorithm of the server's list that we know, MD5 where there is no list; nil when we know none of them.
    /// An entry is a number, the length of its parameters, and these, padded.
    private static func firstKnown(in list: [UInt8]) -> PasswordAlgorithm? {
        guard !list.isEmpty else { return .md5 }
        var at = 0
        while at + 4 <= list.count {
            let number = UInt16(list[at]) << 8 | UInt16(list[at + 1])
            let length = Int(list[at + 2]) << 8 | Int(list[at + 3])
            if length == 0, let known = PasswordAlgorithm(rawValue: number) { return known }
            at += 4 + (length + 3) & ~3
        }
        return nil
    }

    func sign(_ message: STUNMessageWriter, into writer: inout ByteWriter) {
        guard let key else { return }
        message.write(.username, utf8: credentials.username, into: &writer)
        message.write(.realm, utf8: realm, into: &writer)
        message.write(.nonce, nonce.span, into: &writer)
        if passwordAlgorithms.isEmpty {
            message.writeMessageIntegrity(key: key, using: authenticator, into: &writer)
        } else {
            // "all the subsequent requests MUST be authenticated using MESSAGE-INTEGRITY-SHA256 only"
            message.write(.passwordAlgorithms, passwordAlgorithms.span, into: &writer)
            message.write(.passwordAlgorithm, UInt32(algorithm.rawValue) << 16, into: &writer)
            message.writeMessageIntegritySHA256(key: key, using: authenticator, into: &writer)
        }
    }

    /// Whether a response to a signed request is the server's.
    func accepts(_ message: borrowing STUNMessage) -> Bool {
        guard let key else { return true }
        switch message.integrity(key: key, using: authenticator) {
        case .valid: return true
        // Servers send refusals unsigned; an attacker who knows the transaction identifier could drop our packets as well.
        case .missing: return message.type.messageClass == .errorResponse
        case .invalid: return false
        }
    }
}
