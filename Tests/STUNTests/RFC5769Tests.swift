import Primitives
import STUN
import TestSupport
import Testing

/// The test vectors of RFC 5769, byte for byte.
@Suite struct RFC5769Tests {
    static let request = hex(
        """
        00010058 2112a442 b7e7a701 bc34d686 fa87dfae
        80220010 5354554e 20746573 7420636c 69656e74
        00240004 6e0001ff
        80290008 932ff9b1 51263b36
        00060009 6576746a 3a683676 59202020
        00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
        80280004 e57a3bcf
        """)
    static let responseIPv4 = hex(
        """
        0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
        8022000b 74657374 20766563 746f7220
        00200008 0001a147 e112a643
        00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
        80280004 c07d4c96
        """)
    static let responseIPv6 = hex(
        """
        01010048 2112a442 b7e7a701 bc34d686 fa87dfae
        8022000b 74657374 20766563 746f7220
        00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
        00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
        80280004 c8fb0b4c
        """)
    static let longTermRequest = hex(
        """
        00010060 2112a442 78ad3433 c6ad72c0 29da412e
        00060012 e3839ee3 8388e383 aae38383 e382af e382b9 0000
        0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 3634 7341
        0014000b 6578616d 706c652e 6f726700
        00080014 f67024 65 6dd64a3e 02b8e071 2e85c9a2 8ca89666
        """)

    let key = IntegrityKey.shortTerm(password: "VOkJxbRl1RmTxUk/WvJxBt")
    let transaction = TransactionID(high: 0xb7e7_a701_bc34_d686, low: 0xfa87_dfae)

    @Test func sampleRequest() throws {
        let message = try STUNMessage(Self.request.span)
        #expect(message.type == .bindingRequest)
        #expect(message.transactionID == transaction)
        #expect(message.text(of: .software) == "STUN test client")
        #expect(message.uint32(of: .priority) == 0x6e00_01ff)
        #expect(message.uint64(of: .iceControlled) == 0x932f_f9b1_5126_3b36)
        #expect(message.text(of: .username) == "evtj:h6vY")
        #expect(message.hasFingerprint == true)
        #expect(message.notUnderstood == [])
        #expect(message.integrity(key: key, using: .openSSL) == .valid)
        #expect(message.integrity(key: .shortTerm(password: "VOkJxbRl1RmTxUk/WvJxBT"), using: .openSSL) == .invalid)
    }

    @Test func sampleIPv4Response() throws {
        let message = try STUNMessage(Self.responseIPv4.span)
        #expect(message.type == .bindingSuccess)
        #expect(message.text(of: .software) == "test vector")
        #expect(message.xorAddress(of: .xorMappedAddress) == SocketAddress("192.0.2.1:32853"))
        #expect(message.integrity(key: key, using: .openSSL) == .valid)
    }

    @Test func sampleIPv6Response() throws {
        let message = try STUNMessage(Self.responseIPv6.span)
        let expected = SocketAddress("[2001:db8:1234:5678:11:2233:4455:6677]:32853")
        #expect(message.xorAddress(of: .xorMappedAddress) == expected)
        #expect(message.integrity(key: key, using: .openSSL) == .valid)
    }

    @Test func longTermCredentials() throws {
        let message = try STUNMessage(Self.longTermRequest.span)
        #expect(message.text(of: .username) == "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}")
        #expect(message.text(of: .realm) == "example.org")
        #expect(message.text(of: .nonce) == "f//499k954d6OL34oL9FSTvy64sA")
        // The password of the vector is "The<U+00AD>M<U+00AA>tr<U+2168>", which SASLprep makes "TheMatrIX".
        let key = IntegrityKey.longTerm(
            username: "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}", realm: "example.org", password: "TheMatrIX",
            algorithm: .md5, authenticator: .openSSL)
        #expect(message.integrity(key: key, using: .openSSL) == .valid)
    }

    /// Our writer makes the vector's IPv4 response up to its padding, which the vector fills with a space.
    @Test func writerMatchesTheVector() throws {
        let written = try #require(
            [UInt8].written { writer in
                let message = STUNMessageWriter(.bindingRequest, transaction, into: &writer)
                message.write(.software, utf8: "STUN test client", into: &writer)
                message.write(.priority, 0x6e00_01ff as UInt32, into: &writer)
                message.write(.iceControlled, 0x932f_f9b1_5126_3b36 as UInt64, into: &writer)
            })
        // Everything but the length, which counts what the vector has behind.
        #expect(written[4...] == Self.request[4..<written.count])
    }
}
