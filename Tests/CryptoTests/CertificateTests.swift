import Crypto
import Primitives
import Testing

@Suite struct CertificateTests {
    static let now = WallClock(secondsSince1970: 1_790_000_000)

    @Test func everySessionHasItsOwn() throws {
        let a = try Certificate(now: Self.now)
        let b = try Certificate(now: Self.now)
        #expect(a.der != b.der)
        #expect(a.fingerprint() != b.fingerprint())
        // A DER sequence with a two-byte length, of the size that follows.
        #expect(a.der.starts(with: [0x30, 0x82]) || a.der.starts(with: [0x30, 0x81]))
    }

    @Test(arguments: Fingerprint.Algorithm.allCases)
    func fingerprintTravelsThroughText(algorithm: Fingerprint.Algorithm) throws {
        let certificate = try Certificate(now: Self.now)
        let fingerprint = certificate.fingerprint(algorithm)
        let parsed = try #require(Fingerprint(parsing: fingerprint.text))
        #expect(parsed == fingerprint)
        let other = try Certificate(now: Self.now)
        let (matchesOwn, matchesOther) = (
            parsed.matches(der: certificate.der.span), parsed.matches(der: other.der.span)
        )
        #expect(matchesOwn && !matchesOther)
        #expect(Fingerprint(parsing: fingerprint.text.lowercased()) == fingerprint)
    }

    @Test func fingerprintOfKnownBytes() {
        let bytes = Array("abc".utf8)
        #expect(
            Fingerprint(ofDER: bytes.span).text
                == "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
        )
    }

    @Test(arguments: [
        "", "sha-256", "sha-256 ", "md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
        "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15",
        "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AG",
        "sha-256 BA-78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD",
        "sha-256  BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD",
    ])
    func fingerprintRefuses(text: String) { #expect(Fingerprint(parsing: text) == nil) }
}
