import Primitives
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("2001:DB8::8:800:200c:417a", "2001:db8::8:800:200c:417a"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:192.0.2.128", "::ffff:c000:280"), ("1::", "1::"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func addressesPrintCanonically(_ text: String, _ canonical: String) throws {
        #expect(try #require(IPAddress(text)).description == canonical)
        #expect(IPAddress(canonical) == IPAddress(text))
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4", "1..2.3", "+1.2.3.4", ":", ":::", "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1.2.3", "fe80::1%eth0", "1.2.3.4::", " ::1",
        "1:2:3:4:5:6:7:8::",
    ])
    func noAddresses(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func kinds() throws {
        #expect(IPAddress("127.1.2.3")!.isLoopback && IPAddress("::1")!.isLoopback)
        #expect(IPAddress("169.254.9.9")!.isLinkLocal && IPAddress("febf::1")!.isLinkLocal)
        #expect(!IPAddress("fec0::1")!.isLinkLocal && !IPAddress("170.254.0.1")!.isLinkLocal)
        #expect(IPAddress("239.255.255.250")!.isMulticast && IPAddress("ff02::fb")!.isMulticast)
        #expect(IPAddress("::")!.isUnspecified && IPAddress("0.0.0.0")!.isUnspecified)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.254", 24, true), ("192.0.2.1", "192.0.3.1", 24, false),
        ("192.0.2.1", "192.0.3.1", 23, true),
        ("192.0.2.1", "203.0.113.1", 0, true), ("192.0.2.1", "192.0.2.1", 32, true),
        ("192.0.2.1", "192.0.2.0", 32, false),
        ("2001:db8::1", "2001:db8::ffff:1", 64, true), ("2001:db8::1", "2001:db8:0:1::1", 64, false),
        ("2001:db8::1", "2001:db8::2", 127, false), ("2001:db8::2", "2001:db8::3", 127, true),
        ("2001:db8::1", "2001:db8::1", 128, true), ("::", "0.0.0.0", 0, false),
    ])
    func networks(_ a: String, _ b: String, _ length: Int, _ isOne: Bool) throws {
        let (a, b) = (try #require(IPAddress(a)), try #require(IPAddress(b)))
        #expect(a.isInNetwork(of: b, prefixLength: length) == isOne)
        #expect(b.isInNetwork(of: a, prefixLength: length) == isOne)
    }

    @Test(arguments: ["192.0.2.1:0", "192.0.2.1:65535", "[2001:db8::1]:443"])
    func withPorts(_ text: String) throws {
        #expect(try #require(SocketAddress(text)).description == text)
    }

    @Test(arguments: ["192.0.2.1", "192.0.2.1:65536", "192.0.2.1:", "2001:db8::1:443", "[192.0.2.1]:1", "[::1]", "x:1"])
    func noSocketAddresses(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }
}

@Suite struct WrittenAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:4711", "192.0.2.1"), (" 192.0.2.1\t", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"), ("[2001:db8::1]", "2001:db8::1"), ("[2001:db8::1]:443", "2001:db8::1"),
        ("\"[2001:db8::1]:443\"", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ]) func everyFormIsRead(text: String, address: String) {
        #expect(IPAddress(written: text) == IPAddress(address))
    }

    @Test(arguments: [
        "", " ", "unknown", "_hidden", "192.0.2.1:", "192.0.2.1:x", "192.0.2.1:65536", "192.0.2.1:+80", "[192.0.2.1]",
        "[2001:db8::1", "[2001:db8::1]80", "[2001:db8::1]:", "[]", "192.0.2.1 192.0.2.2", "\"",
    ]) func whatIsNoAddressIsNone(text: String) {
        #expect(IPAddress(written: text) == nil)
    }
}
