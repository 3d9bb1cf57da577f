internal import HTTP
internal import Primitives

/// Where requests come from: proxies that are trusted say so for others, nobody else does.
struct ProxyTrust: Sendable {
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    let trusted: [IPAddress]

    /// The client's own address; a trusted proxy's where that names none.
    func clientAddress(_ peer: SocketAddress, _ headers: [HTTPHeader]) -> SocketAddress {
        guard let origin = originAddress(peer, headers), origin != peer.address else { return peer }
        return SocketAddress(address: origin, port: 0)
    }

    /// Where a request comes from: behind a proxy that is trusted, the last address that no trusted proxy has. Nil where
    /// such a proxy names none, so that nobody passes for the proxy's machine.
    func originAddress(_ peer: SocketAddress, _ headers: [HTTPHeader]) -> IPAddress? {
        guard trusted.contains(peer.address.unmapped) else { return peer.address.unmapped }
        // A proxy may add a line of its own behind the client's, so that all lines are one list.
        for text in headers.tokens(of: "x-forwarded-for").reversed() {
            guard let address = IPAddress(written: text) else { return nil }
            if !trusted.contains(address) { return address }
        }
        return nil
    }

    /// Whether a proxy sent it whose word is not taken: whose request it is nobody knows.
    func isForwardedByStranger(_ peer: SocketAddress, _ headers: [HTTPHeader]) -> Bool {
        !trusted.contains(peer.address.unmapped)
            && ["x-forwarded-for", "forwarded", "x-real-ip"].contains { headers[$0] != nil }
    }
}
