import Crypto
import Primitives

/// Two DTLS endpoints and the datagrams between them.
struct DTLSPair: ~Copyable {
    var client: DTLSEndpoint
    var server: DTLSEndpoint
    let clientCertificate: [UInt8]
    let serverCertificate: [UInt8]
    /// Sizes of all datagrams, in the order they were sent.
    var sizes: [Int]
    var clientEvents: [DTLSEvent]
    var serverEvents: [DTLSEvent]

    init(
        clientKey: Certificate.KeyType = .ecdsaP256, serverKey: Certificate.KeyType = .ecdsaP256,
        clientProfiles: [SRTPProfile] = [.aeadAES128GCM, .aeadAES256GCM, .aes128CounterModeSHA1Tag80],
        serverProfiles: [SRTPProfile] = [.aeadAES128GCM, .aeadAES256GCM, .aes128CounterModeSHA1Tag80]
    ) throws {
        let now = WallClock(secondsSince1970: 1_790_000_000)
        let forClient = try Certificate(keyType: clientKey, now: now)
        let forServer = try Certificate(keyType: serverKey, now: now)
        let client = try DTLSEndpoint(role: .client, borrowing: forClient, profiles: clientProfiles)
        let server = try DTLSEndpoint(role: .server, borrowing: forServer, profiles: serverProfiles)
        self.client = client
        self.server = server
        clientCertificate = forClient.der
        serverCertificate = forServer.der
        (sizes, clientEvents, serverEvents) = ([], [], [])
    }

    /// All datagrams that `endpoint` wants to send.
    static func drain(_ endpoint: inout DTLSEndpoint) -> [[UInt8]] {
        var packet = PacketBuffer(capacity: 1500)
        var datagrams: [[UInt8]] = []
        while endpoint.pollTransmit(into: &packet) { datagrams.append(packet.bytes.copied()) }
        return datagrams
    }

    /// Carries datagrams until both are silent. `carry` decides about each: from the client or not, its contents.
    mutating func exchange(now: Instant, carry: (Bool, [UInt8]) -> [[UInt8]] = { [$1] }) {
        for _ in 0..<100 {
            let up = DTLSPair.drain(&client)
            let down = DTLSPair.drain(&server)
            sizes += (up + down).map(\.count)
            for datagram in up.flatMap({ carry(true, $0) }) { server.handle(datagram.span, now: now) }
            for datagram in down.flatMap({ carry(false, $0) }) { client.handle(datagram.span, now: now) }
            while let event = client.pollEvent() { clientEvents.append(event) }
            while let event = server.pollEvent() { serverEvents.append(event) }
            if up.isEmpty && down.isEmpty { return }
        }
    }
}

extension DTLSEvent {
    var result: DTLSHandshakeResult? { if case .handshakeCompleted(let result) = self { result } else { nil } }
    var failure: DTLSFailure? { if case .failed(let failure) = self { failure } else { nil } }
    var isClosedByPeer: Bool { if case .closedByPeer = self { true } else { false } }
}
