import Primitives
import SessionRules
import Signaling
import Testing

@testable import SignalingServer

@Suite struct ICESettingsTests {
    /// The password of a TURN REST user as coturn computes it:
    /// echo -n 1767268800:K1 | openssl dgst -sha1 -hmac secret -binary | base64
    @Test func turnCredentialsAreTheRestApis() {
        let settings = ICESettings(
            stun: ["stun:s:3478"], turn: ["turn:t:3478?transport=udp"], sharedSecret: Redacted("secret"),
            credentialLifetime: .seconds(43_200))
        let arguments = ICECredentialArguments(for: "K1", lifetime: settings.credentialLifetime, now: start.wall)
        let servers = settings.servers(arguments)
        #expect(servers.count == 2)
        #expect(servers[0] == ICEServer(urls: ["stun:s:3478"]))
        #expect(servers[1].username == "1767268800:K1")
        #expect(servers[1].credential == "qdTyPXziUyor+NZOraGOyQshHMA=")
        #expect(ICESettings().servers(arguments).isEmpty)
    }
}
