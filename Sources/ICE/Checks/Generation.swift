import Primitives
import STUN

/// What the checks lose with an ICE restart (RFC 8445 section 9): credentials, remote candidates, pairs.
struct Generation: Sendable {
    let number: Int
    let local: ICECredentials
    let localKey: IntegrityKey
    private(set) var remote: ICECredentials?
    private(set) var remoteKey: IntegrityKey?
    /// USERNAME of our requests: their fragment, colon, ours.
    private(set) var username: String
    var remotes: RemoteCandidates
    var list: CheckList

    init(number: Int, local: ICECredentials, maximumRemoteCandidates: Int) {
        self.number = number
        self.local = local
        localKey = .shortTerm(password: local.password)
        remote = nil
        remoteKey = nil
        username = ""
        remotes = RemoteCandidates(limit: maximumRemoteCandidates)
        list = CheckList()
    }

    mutating func setRemote(_ credentials: ICECredentials) {
        remote = credentials
        remoteKey = .shortTerm(password: credentials.password)
        username = "\(credentials.usernameFragment):\(local.usernameFragment)"
    }
}
