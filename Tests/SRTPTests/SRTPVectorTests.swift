import Primitives
import SRTP
import Testing

/// Golden packets: what our sender makes must be, bit for bit, what the standards' keys and packets yield.
@Suite struct SRTPVectorTests {
    // The session of libsrtp's own validation and RFC 3711 appendix B.3's master key and salt.
    static let masterKey = bytes("e1f97a0d3e018be0d64fa32c06de4139")
    static let masterSalt = bytes("0ec675ad498afeebb6960b3aabe6")

    // RTP header, and 16 bytes of 0xab.
    static let plain = bytes("800f1234decafbadcafebabe" + String(repeating: "ab", count: 16))

    @Test func aes128CounterMode() throws {
        let key = SRTPMasterKey(profile: .aes128CounterModeSHA1Tag80, key: Self.masterKey, salt: Self.masterSalt)
        let golden = bytes("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")
        var sender = try SRTPSender(key: key)
        var packet = PacketBuffer(Self.plain)
        try sender.protect(&packet)
        #expect(packet.bytes.copied() == golden)
        var receiver = try SRTPReceiver(key: key)
        try receiver.unprotect(&packet)
        #expect(packet.bytes.copied() == Self.plain)
    }

    // RFC 7714's packets use session keys directly, which libsrtp only derives; these are its own golden packets, made
    // with keys derived by RFC 3711 section 4.3.
    @Test func aes128GCM() throws {
        let key = SRTPMasterKey(
            profile: .aeadAES128GCM, key: bytes("000102030405060708090a0b0c0d0e0f"),
            salt: bytes("a0a1a2a3a4a5a6a7a8a9aaab"))
        let golden = bytes(
            "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392")
        var sender = try SRTPSender(key: key)
        var packet = PacketBuffer(Self.plain)
        try sender.protect(&packet)
        #expect(packet.bytes.copied() == golden)
        var receiver = try SRTPReceiver(key: key)
        try receiver.unprotect(&packet)
        #expect(packet.bytes.copied() == Self.plain)
    }
}

func bytes(_ hex: String) -> [UInt8] {
    var result: [UInt8] = []
    var rest = hex[...]
    while !rest.isEmpty {
        result.append(UInt8(rest.prefix(2), radix: 16)!)
        rest = rest.dropFirst(2)
    }
    return result
}
