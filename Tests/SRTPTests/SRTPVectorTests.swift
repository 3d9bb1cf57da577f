import Primitives
import SRTP
import TestSupport
import Testing

/// Golden packets: what our sender makes must be, bit for bit, what the standards' keys and packets yield.
///
/// RFC 7714's own packets (sections 16 and 17) are made with session keys, and those libsrtp only derives from a master
/// key: they cannot be asked of it. Its keys, salt and packets are used here as master key, master salt and plaintext.
/// The golden packets were made apart from libsrtp, by key derivation (RFC 3711 section 4.3, RFC 6188 section 3) and AES-GCM
/// written for it, which yield RFC 3711 appendix B.3, RFC 6188 section 7.2 and RFC 7714's packets to the bit.
@Suite struct SRTPVectorTests {
    struct Vector: CustomTestStringConvertible, Sendable {
        var profile: SRTPProfile
        var key: [UInt8]
        var salt: [UInt8]
        var plain: [UInt8]
        var golden: [UInt8]
        var testDescription: String { "\(profile)" }

        var masterKey: SRTPMasterKey { SRTPMasterKey(profile: profile, key: key, salt: salt) }
    }

    // RFC 3711 appendix B.3's master key and salt.
    static let counterKey = hex("e1f97a0d3e018be0d64fa32c06de4139")
    static let counterSalt = hex("0ec675ad498afeebb6960b3aabe6")
    // RFC 7714's, "Quid pro quo".
    static let key128: [UInt8] = (0..<16).map { $0 }
    static let key256: [UInt8] = (0..<32).map { $0 }
    static let salt = hex("517569642070726f2071756f")
    // Its packet with "Gallia est omnis divisa in partes tres", and its sender report.
    static let gallia: [UInt8] = hex("8040f17b8041f8d35501a0b2") + Array("Gallia est omnis divisa in partes tres".utf8)
    static let report = hex(
        """
        81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
        deadbeef deadbeef deadbeef deadbeef deadbeef
        """)
    // The packet of libsrtp's own validation: an RTP header, and 16 bytes of 0xab.
    static let plain = hex("800f1234decafbadcafebabe" + String(repeating: "ab", count: 16))

    static let packets: [Vector] = [
        Vector(
            profile: .aes128CounterModeSHA1Tag80, key: counterKey, salt: counterSalt, plain: plain,
            golden: hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")),
        Vector(
            profile: .aeadAES128GCM, key: hex("000102030405060708090a0b0c0d0e0f"),
            salt: hex("a0a1a2a3a4a5a6a7a8a9aaab"), plain: plain,
            golden: hex(
                "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392")),
        Vector(
            profile: .aeadAES128GCM, key: key128, salt: salt, plain: gallia,
            golden: hex(
                """
                8040f17b 8041f8d3 5501a0b2 92cb0ecf f0a0db18 8f7bff6b 523933aa cef8ae95 85ed378a
                627836cb 2d6a731d 6c3490d9 25387db1 8c066176 2d59e50a d553d241 535a
                """)),
        Vector(
            profile: .aeadAES256GCM, key: key256, salt: salt, plain: gallia,
            golden: hex(
                """
                8040f17b 8041f8d3 5501a0b2 df5b1e1f 065082d0 567f1249 6f9de28a c7f23773 8c1577d4
                f1a9f1b8 9420cd94 a57fec99 4be3e31c 8ef3a25e 1890b801 251d3e12 93c7
                """)),
    ]

    // A sender's first SRTCP packet has the index 1.
    static let reports: [Vector] = [
        Vector(
            profile: .aes128CounterModeSHA1Tag80, key: counterKey, salt: counterSalt, plain: report,
            golden: hex(
                """
                81c8000d 4d617273 f2bb7b81 f9b98803 4c297110 352c5378 1268f3d7 6040350f 49086b0a 2297239a
                eebaf47f 1a17638a e7a25bc8 80000001 432cfe93 cba0c478 3d44
                """)),
        Vector(
            profile: .aeadAES128GCM, key: key128, salt: salt, plain: report,
            golden: hex(
                """
                81c8000d 4d617273 6e525f96 a03f0774 056b3c59 5dc5fc69 f9f17ef5 7a412bee d41b5214 0f81a7b0
                4c2c30f3 a32afc80 21dfbd46 339c88a7 f76cae84 d03f3da7 e4e1053a 80000001
                """)),
        Vector(
            profile: .aeadAES256GCM, key: key256, salt: salt, plain: report,
            golden: hex(
                """
                81c8000d 4d617273 82e8741a 30d28f9f b257d16c 53ce11ea a47d257c 0ae25eb5 f20e8959 1d532df8
                ecd98a53 91cc446e dd535fb3 d8a79b04 2381a9af 6ed2150d 26656043 80000001
                """)),
    ]

    @Test(arguments: packets)
    func protects(_ vector: Vector) throws {
        var sender = try SRTPSender(key: vector.masterKey)
        var packet = Self.buffer(vector.plain)
        try sender.protect(&packet)
        #expect(packet.bytes.copied() == vector.golden)
        var receiver = try SRTPReceiver(key: vector.masterKey)
        try receiver.unprotect(&packet)
        #expect(packet.bytes.copied() == vector.plain)
    }

    @Test(arguments: reports)
    func protectsControl(_ vector: Vector) throws {
        var sender = try SRTPSender(key: vector.masterKey)
        var packet = Self.buffer(vector.plain)
        try sender.protectControl(&packet)
        #expect(packet.bytes.copied() == vector.golden)
        var receiver = try SRTPReceiver(key: vector.masterKey)
        try receiver.unprotectControl(&packet)
        #expect(packet.bytes.copied() == vector.plain)
    }

    private static func buffer(_ bytes: [UInt8]) -> PacketBuffer {
        var packet = PacketBuffer(capacity: 200)
        packet.append(bytes.span)
        return packet
    }
}
