import Crypto
import Primitives
import Testing

@Suite struct DigestTests {
    // FIPS 180-4 example "abc"; RFC 1321 appendix A.5.
    @Test(arguments: [
        (DigestAlgorithm.md5, "900150983cd24fb0d6963f7d28e17f72"),
        (.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            .sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
        ),
        (
            .sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
    ])
    func knownHashes(algorithm: DigestAlgorithm, expected: String) {
        let hash = Digest.hash(utf8: "abc", using: algorithm)
        #expect(Hex.encode(hash.span) == expected)
        #expect(hash.count == algorithm.byteCount)
    }

    @Test func hashOfNothing() {
        #expect(Hex.encode(Digest.hash(utf8: "", using: .sha1).span) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    }

    // RFC 2202 section 3 test case 2, RFC 4231 section 4.3.
    @Test func knownCodes() {
        let key = Array("Jefe".utf8)
        let message = Array("what do ya want for nothing?".utf8)
        let sha1 = HMAC.sha1(message.span, key: key.span)
        let sha256 = HMAC.sha256(message.span, key: key.span)
        #expect(Hex.encode(sha1.span) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        #expect(Hex.encode(sha256.span) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(HMAC.authenticate(message.span, key: key.span, using: .sha256) == Hex.decode(Hex.encode(sha256.span)))
    }

    @Test func emptyKeyIsNotThePreviousOne() {
        let key: [UInt8] = [1, 2, 3]
        _ = HMAC.sha256(key.span, key: key.span)
        // HMAC-SHA256 of nothing under no key.
        let code = HMAC.sha256([UInt8]().span, key: [UInt8]().span)
        #expect(Hex.encode(code.span) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test func comparisonLooksAtEveryByte() {
        func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { constantTimeEqual(a.span, b.span) }
        #expect(equal([1, 2, 3], [1, 2, 3]))
        #expect(!equal([1, 2, 3], [1, 2, 4]))
        #expect(!equal([1, 2, 3], [0, 2, 3]))
        #expect(!equal([1, 2, 3], [1, 2]))
        #expect(equal([], []))
    }

    @Test func randomBytesDiffer() {
        let (a, b) = (SecureRandom.bytes(32), SecureRandom.bytes(32))
        #expect(a.count == 32 && a != b)
        #expect(SecureRandom.bytes(0).isEmpty)
    }
}
