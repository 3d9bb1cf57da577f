import Primitives
import SDP
import Testing

private func hash(_ name: String, _ octet: String, _ count: Int) -> String {
    name + " " + Array(repeating: octet, count: count).joined(separator: ":")
}

@Suite("Session descriptions are read and written")
struct ParsingTests {
    @Test("Every real offer survives reading and writing", arguments: Fixture.allCases)
    func roundTrip(fixture: Fixture) throws {
        let offer = try fixture.offer
        let again = try SessionDescription(parsing: offer.text)
        #expect(again == offer)
        #expect(again.text == offer.text)
        #expect(offer.media.allSatisfy { $0.mid != nil })
    }

    @Test("An attribute keeps its place and its unknown neighbours")
    func attributes() throws {
        let text =
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=zebra\r\na=b:c:d\r\nm=video 9 P 1 2\r\na=q: r \r\n"
        let description = try SessionDescription(parsing: text)
        #expect(description.attributes == [Attribute("zebra"), Attribute("b", "c:d")])
        #expect(description.media[0].attributes == [Attribute("q", " r ")])
        #expect(description.media[0].formats == ["1", "2"])
        #expect(description.text == text)
    }

    @Test("Blanks at the ends of lines change nothing", arguments: Fixture.allCases, [" ", "\t", " \t "])
    func blanks(fixture: Fixture, blanks: String) throws {
        let lines = fixture.text.split(whereSeparator: \.isNewline).map { $0 + blanks + "\r\n" }
        var (plain, padded) = (
            Negotiator(capabilities: .kiosk, random: .seeded(7)), Negotiator(capabilities: .kiosk, random: .seeded(7))
        )
        let expected = try plain.answer(fixture.offer, with: .test())
        let answer = try padded.answer(SessionDescription(parsing: lines.joined()), with: .test())
        #expect(answer == expected)
        #expect(padded.session == plain.session)
    }

    @Test("A flag with a blank behind it is that flag", arguments: ["inactive", "sendonly", "recvonly", "sendrecv"])
    func paddedFlags(flag: String) throws {
        var test = TestOffer()
        test.sections[0].direction = flag + " "
        let offer = try test.offer
        #expect(offer.direction(of: offer.media[0]).rawValue == flag)
    }

    @Test("More attributes than any offer has are refused")
    func attributesAreBounded() throws {
        func text(session: Int, media: Int) -> String {
            "v=0\r\n" + String(repeating: "a=x\r\n", count: session) + "m=audio 9 X 0\r\n"
                + String(repeating: "a=x\r\n", count: media)
        }
        #expect(throws: Never.self) { try SessionDescription(parsing: text(session: 256, media: 3840)) }
        #expect(throws: SDPError.tooManyAttributes) { try SessionDescription(parsing: text(session: 257, media: 1)) }
        #expect(throws: SDPError.tooManyAttributes) { try SessionDescription(parsing: text(session: 1, media: 4096)) }
    }

    @Test("Line ends of every kind", arguments: ["\r\n", "\n", "\r", "\r\n\r\n"])
    func lineEnds(end: String) throws {
        let text = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:ä"].joined(
            separator: end)
        let description = try SessionDescription(parsing: text)
        #expect(description.media.count == 1)
        #expect(description.media[0].mid == "ä")
    }

    @Test(
        "What is no description is refused by name",
        arguments: [
            ("", SDPError.versionMissing),
            ("hello", .versionMissing),
            ("v=1\r\n", .versionMissing),
            ("o=- 1 2 IN IP4 0.0.0.0\r\n", .versionMissing),
            ("v=0\r\no=- 1\r\n", .malformedOrigin(number: 2)),
            ("v=0\r\nm=video 9 X\r\n", .malformedMediaLine(number: 2)),
            ("v=0\r\nm=video 65536 X 1\r\n", .malformedMediaLine(number: 2)),
            ("v=0\r\nm=video -1 X 1\r\n", .malformedMediaLine(number: 2)),
            ("v=0\r\ns=-\r\nA=x\r\n", .malformedLine(number: 3)),
            ("v=0\r\nnonsense\r\n", .malformedLine(number: 2)),
            (String(repeating: "x", count: 65_537), .tooLong(bytes: 65_537)),
            ("v=0\r\n" + String(repeating: "m=audio 9 X 0\r\n", count: 65), .tooManyMediaSections),
        ])
    func refusals(text: String, error: SDPError) {
        #expect(throws: error) { try SessionDescription(parsing: text) }
    }

    @Test("Codecs come with parameters, feedback and their first mapping")
    func codecs() throws {
        var test = TestOffer()
        test.sections[0].formats = "97 96 96 120 8 200"
        test.sections[0].lines = [
            "a=rtpmap:96 vp8/90000", "a=rtpmap:96 H264/90000", "a=rtpmap:97 RTX/90000", "a=fmtp:97 apt=96",
            "a=fmtp:96 max-fs=12288; max-fr=60;flag", "a=rtcp-fb:* nack", "a=rtcp-fb:96 ccm fir",
            "a=rtcp-fb:96 ccm tmmbr",
            "a=rtpmap:120 broken", "a=rtpmap:nonsense", "a=rtpmap:200 VP8/90000", "a=fmtp:120", "a=rtcp-fb:",
            "a=extmap:",
        ]
        let codecs = try test.offer.media[0].codecs
        #expect(codecs.map(\.payloadType.rawValue) == [97, 96])
        let vp8 = try #require(codecs.last)
        #expect(vp8.isNamed("VP8"))
        #expect(vp8.feedback == [.nack, .fullIntraRequest])
        #expect(vp8.parameters.integer("MAX-FS") == 12288)
        #expect(vp8.parameters["flag"] == "")
        #expect(vp8.parameters.text == "max-fs=12288;max-fr=60;flag")
        #expect(MediaDescription.retransmissionType(of: vp8.payloadType, among: codecs)?.rawValue == 97)
    }

    @Test("Header extensions keep identifier and direction; broken and repeated ones are left out")
    func headerExtensions() throws {
        var test = TestOffer()
        test.sections[0].lines += [
            "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:3 urn:other", "a=extmap:6/recvonly urn:x extra",
            "a=extmap:7/sideways urn:y", "a=extmap:0 urn:zero", "a=extmap:4096 urn:unmapped",
        ]
        let extensions = try test.offer.media[0].headerExtensions
        #expect(
            extensions == [
                HeaderExtensionMapping(id: 3, uri: "urn:ietf:params:rtp-hdrext:sdes:mid"),
                HeaderExtensionMapping(id: 6, uri: "urn:x", direction: .recvonly),
            ])
        #expect(extensions[0].kind == .mid)
    }

    @Test(
        "Fingerprints",
        arguments: [
            (hash("sha-256", "0a", 32), true),
            (hash("SHA-256", "FF", 32), true),
            (hash("sha-512", "00", 64), true),
            (hash("sha-1", "00", 20), false),
            (hash("sha-256", "00", 31), false),
            (hash("sha-256", "+1", 32), false),
            ("sha-256", false), ("", false),
        ])
    func fingerprints(text: String, isAccepted: Bool) throws {
        let fingerprint = Fingerprint(parsing: text)
        #expect((fingerprint != nil) == isAccepted)
        if let fingerprint { #expect(Fingerprint(parsing: fingerprint.text) == fingerprint) }
    }

    @Test("Sources and their retransmissions", arguments: [Fixture.edge])
    func sources(fixture: Fixture) throws {
        let video = try fixture.offer.media[1]
        #expect(video.sources == [SSRC(2_715_962_409), SSRC(4_087_254_411)])
        #expect(video.retransmissionSources == [SSRC(2_715_962_409): SSRC(4_087_254_411)])
    }

    @Test("A description does not print its secrets")
    func redaction() throws {
        let offer = try Fixture.chromium.offer
        #expect(!"\(offer)".contains("px7n4OPVV3T18xbUdYAoIQCj"))
        #expect(!String(reflecting: offer).contains("px7n4OPVV3T18xbUdYAoIQCj"))
    }
}
