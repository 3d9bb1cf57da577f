import ICE
public import Primitives

// What the driver knows of the network, for ICE: addresses and servers.

extension PeerSession {
    /// A bound UDP socket's address: it becomes a host candidate. The order of adding is the order of preference.
    public mutating func addLocalAddress(_ base: SocketAddress, now: Instant) {
        ice.value.addLocalAddress(base, now: now)
        settle(now: now)
    }

    /// The address is gone with its interface.
    public mutating func removeLocalAddress(_ base: SocketAddress, now: Instant) {
        ice.value.removeLocalAddress(base, now: now)
        settle(now: now)
    }

    /// All local addresses of now were added.
    public mutating func finishLocalAddresses(now: Instant) {
        ice.value.finishLocalAddresses(now: now)
        settle(now: now)
    }

    /// A STUN server that tells our addresses as the world sees them; each becomes a candidate when it answers.
    public mutating func addSTUNServer(_ server: SocketAddress, now: Instant) {
        guard !isClosed else { return }
        ice.value.addSTUNServer(server, now: now)
        settle(now: now)
    }

    /// A TURN server reached over UDP: its relayed addresses become candidates when it grants them. One that is known
    /// already gets the credentials, which are used from the next allocation on, or when the old ones are refused.
    public mutating func addTURNServer(
        _ server: SocketAddress, username: String, password: Redacted<String>, now: Instant
    ) {
        guard !isClosed else { return }
        let credentials = TURNCredentials(username: username, password: password.unredacted)
        ice.value.addTURNServer(TURNServer(address: server, credentials: credentials), now: now)
        settle(now: now)
    }

    /// A TURN server behind a `RelayStream` that is open: from now on transmits whose transport is not UDP are frames for
    /// the stream of their source, and its frames go to `handle`. No two streams have the same local address.
    public mutating func addRelayStream(
        to server: SocketAddress, over transport: TransportProtocol, from local: SocketAddress, username: String,
        password: Redacted<String>, now: Instant
    ) {
        guard !isClosed else { return }
        let credentials = TURNCredentials(username: username, password: password.unredacted)
        ice.value.addTURNStream(
            TURNServer(address: server, transport: transport, credentials: credentials), local: local, now: now)
        settle(now: now)
    }

    /// Newer credentials for the server of a stream, for when it refuses the old ones.
    public mutating func renewRelayCredentials(
        of server: SocketAddress, username: String, password: Redacted<String>, now: Instant
    ) {
        let credentials = TURNCredentials(username: username, password: password.unredacted)
        ice.value.replaceTURNCredentials(credentials, ofServer: server, now: now)
    }

    /// The stream is over.
    public mutating func removeRelayStream(from local: SocketAddress, now: Instant) {
        guard !isClosed else { return }
        ice.value.removeTURNStream(local: local, now: now)
        settle(now: now)
    }
}
