/// Which side may start the DTLS handshake, from the offerer's view (RFC 8842 section 5.2). `holdconn` does not occur in WebRTC.
enum OfferedSetup: String {
    case actpass, active, passive
}
