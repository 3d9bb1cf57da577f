import FuzzBodies
import ICE
import Primitives
import TestSupport
import Testing

@Suite struct CandidateTests {
    /// Candidates as they come from browsers, aiortc and RFC 8839.
    static let real = [
        "candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host",
        "candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998",
        "candidate:842163049 1 udp 1677729535 198.51.100.3 49203 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag EsAw network-cost 999",
        "candidate:3988266301 1 udp 2113937151 b3d4a27e-8a31-4c8e-9d52-2c1a7f1ab5c0.local 56143 typ host generation 0 ufrag nRHJ network-cost 999",
        "candidate:1 1 UDP 2122252543 2001:db8::7 40112 typ host",
        "candidate:4 1 TCP 2105458943 192.168.1.2 9 typ host tcptype active",
        "candidate:1467250027 1 udp 41885439 203.0.113.9 60123 typ relay raddr 198.51.100.3 rport 49203",
    ]

    @Test func whatTheFieldsMean() throws {
        let reflexive = try Candidate(Self.real[2])
        #expect(reflexive.foundation == "842163049")
        #expect(reflexive.component == 1)
        #expect(reflexive.transport == .udp)
        #expect(reflexive.priority == 1_677_729_535)
        #expect(reflexive.address == .ip(SocketAddress("198.51.100.3:49203")!))
        #expect(reflexive.type == .serverReflexive)
        #expect(reflexive.relatedAddress == .ip(SocketAddress("0.0.0.0:0")!))
        #expect(reflexive.usernameFragment == "EsAw")
        #expect(
            reflexive.extensions == [
                CandidateExtension(name: "generation", value: "0"),
                CandidateExtension(name: "network-cost", value: "999"),
            ])
        #expect(
            try Candidate(Self.real[3]).address
                == .name("b3d4a27e-8a31-4c8e-9d52-2c1a7f1ab5c0.local", port: 56143))
        #expect(try Candidate(Self.real[4]).address.socketAddress == SocketAddress("[2001:db8::7]:40112"))
        let tcp = try Candidate(Self.real[5])
        #expect(tcp.transport == .tcp && tcp.tcpType == .active)
        #expect(try Candidate("a=" + Self.real[0] + "\r\n") == Candidate(Self.real[0]))
        #expect(try Candidate("1 1 udp 1 192.0.2.1 1 typ host").foundation == "1")
    }

    @Test func printing() throws {
        let text = Self.real[2]
        #expect(
            try Candidate(text).attribute
                == "candidate:842163049 1 udp 1677729535 198.51.100.3 49203 typ srflx raddr 0.0.0.0 rport 0 ufrag EsAw generation 0 network-cost 999"
        )
        for text in Self.real { #expect(try Candidate(Candidate(text).attribute) == Candidate(text)) }
    }

    @Test(arguments: [
        ("", CandidateParseError.fieldMissing("foundation")),
        ("candidate:1 1 udp", .fieldMissing("priority")),
        ("candidate:1 0 udp 1 192.0.2.1 1 typ host", .fieldInvalid("component")),
        ("candidate:1 257 udp 1 192.0.2.1 1 typ host", .fieldInvalid("component")),
        ("candidate:1 1 udp 4294967296 192.0.2.1 1 typ host", .fieldInvalid("priority")),
        ("candidate:1 1 udp 99999999999999999999 192.0.2.1 1 typ host", .fieldInvalid("priority")),
        ("candidate:1 1 udp -1 192.0.2.1 1 typ host", .fieldInvalid("priority")),
        ("candidate:1 1 udp 1 192.0.2.1 65536 typ host", .fieldInvalid("port")),
        ("candidate:1 1 udp 1 fe80::1%eth0 1 typ host", .fieldInvalid("address")),
        ("candidate:1 1 udp 1 a;b 1 typ host", .fieldInvalid("address")),
        ("candidate:1 1 udp 1 192.0.2.1 1 host", .fieldMissing("typ")),
        ("candidate:1 1 udp 1 192.0.2.1 1 typ warp", .fieldInvalid("type")),
        ("candidate:1 1 udp 1 192.0.2.1 1 typ host generation", .fieldMissing("generation")),
        ("candidate:1 1 udp 1 192.0.2.1 1 typ host tcptype maybe", .fieldInvalid("tcptype")),
        ("candidate:1 1 udp 1 192.0.2.1 1 typ host ufrag a:b", .fieldInvalid("ufrag")),
        ("candidate:# 1 udp 1 192.0.2.1 1 typ host", .fieldInvalid("foundation")),
        ("candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=ice-lite", .notACandidate),
    ])
    func refused(_ text: String, _ expected: CandidateParseError) {
        #expect(throws: expected) { try Candidate(text) }
    }

    @Test func refusesLengthsAndFloods() {
        #expect(throws: CandidateParseError.tooLong) { try Candidate(String(repeating: "x", count: 2049)) }
        let flood = Self.real[0] + String(repeating: " a b", count: 17)
        #expect(throws: CandidateParseError.fieldInvalid("extension")) { try Candidate(flood) }
    }

    @Test func priorities() {
        // RFC 8445 section 5.1.2.1 with the recommended preferences.
        #expect(Candidate.priority(type: .host, localPreference: 65_535) == 2_130_706_431)
        #expect(Candidate.priority(type: .serverReflexive, localPreference: 65_535) == 1_694_498_815)
        #expect(Candidate.priority(type: .peerReflexive, localPreference: 65_535) == 1_862_270_975)
        #expect(Candidate.priority(type: .relayed, localPreference: 65_535) == 16_777_215)
    }

    @Test func hostileTexts() {
        Fuzzing.run(corpus: Self.real.map { Array($0.utf8) }, mutations: 20_000, FuzzBody.candidate.run)
    }

    @Test func credentials() throws {
        #expect(ICECredentials(usernameFragment: "abc", password: String(repeating: "x", count: 22)) == nil)
        #expect(ICECredentials(usernameFragment: "abcd", password: String(repeating: "x", count: 21)) == nil)
        #expect(ICECredentials(usernameFragment: "ab:d", password: String(repeating: "x", count: 22)) == nil)
        #expect(ICECredentials(usernameFragment: "ab+/", password: String(repeating: "x", count: 22)) != nil)
        #expect(ICECredentials(usernameFragment: "a-_=", password: String(repeating: "-", count: 22)) != nil)
        var random = RandomSource.seeded(1)
        let credentials = ICECredentials.random(using: &random)
        #expect(
            ICECredentials(usernameFragment: credentials.usernameFragment, password: credentials.password)
                == credentials)
        #expect("\(credentials)" == "(redacted)")
    }
}
