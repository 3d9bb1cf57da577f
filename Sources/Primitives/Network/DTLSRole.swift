/// Our side of the DTLS handshake.
public enum DTLSRole: String, Hashable, Sendable {
    /// We answered `active`: we send the ClientHello.
    case client
    /// We answered `passive`.
    case server
}
