import Primitives
import SDP
import Testing

@Suite("Later offers build on earlier ones")
struct RenegotiationTests {
    @Test("The same offer again changes nothing but the version")
    func repetition() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        let offer = try Fixture.chromium.offer
        let first = try negotiator.answer(offer, with: .test())
        let before = negotiator.session
        let second = try negotiator.answer(offer, with: .test())
        #expect(negotiator.session == before)
        #expect(first.media == second.media)
        #expect(first.origin.sessionID == second.origin.sessionID)
        #expect(first.origin.sessionVersion == "1")
        #expect(second.origin.sessionVersion == "2")
    }

    @Test("Changed credentials are an ICE restart, and DTLS goes on")
    func iceRestart() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        var test = TestOffer()
        #expect(try !negotiator.isICERestart(test.offer))
        _ = try negotiator.answer(test.offer, with: .test())
        let before = try #require(negotiator.session)
        test.fragment = "NEW1"
        test.password = "dddddddddddddddddddddd"
        #expect(try negotiator.isICERestart(test.offer))
        let answer = try negotiator.answer(test.offer, with: .test("second"))
        let after = try #require(negotiator.session)
        #expect(after.isICERestart)
        #expect(!after.isNewDTLSAssociation)
        #expect(after.dtlsRole == before.dtlsRole)
        #expect(after.media == before.media)
        #expect(answer.text.contains("a=ice-ufrag:abcdsecond"))
        #expect(try !negotiator.isICERestart(test.offer))
    }

    @Test("A new fingerprint is a new DTLS association")
    func newAssociation() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        var test = TestOffer()
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.isNewDTLSAssociation == false)
        test.fingerprint = "sha-256 " + Array(repeating: "CD", count: 32).joined(separator: ":")
        test.setup = "active"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.isNewDTLSAssociation == true)
        #expect(negotiator.session?.dtlsRole == .server)
        // Back to actpass: our role stays.
        test.setup = "actpass"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.isNewDTLSAssociation == false)
        #expect(negotiator.session?.dtlsRole == .server)
    }

    @Test("Pausing and resuming keeps sources and payload types")
    func directionChanges() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        var test = TestOffer()
        _ = try negotiator.answer(test.offer, with: .test())
        let first = try #require(negotiator.session?.sending(.video))
        test.sections[0].direction = "inactive"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.sending(.video) == nil)
        #expect(negotiator.session?.media[0].isAccepted == true)
        test.sections[0].direction = "recvonly"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.sending(.video) == first)
    }

    @Test("The codec in use stays first when the offer's order changes")
    func stablePayloadType() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        var test = TestOffer()
        test.sections[0].formats = "96 98"
        test.sections[0].lines = ["a=rtpmap:96 VP8/90000", "a=rtpmap:98 VP8/90000"]
        _ = try negotiator.answer(test.offer, with: .test())
        test.sections[0].formats = "98 96"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.sending(.video)?.codecs.map(\.codec.payloadType.rawValue) == [96, 98])
    }

    @Test("A stopped section is rejected, a recycled one starts anew")
    func recycling() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        var test = TestOffer()
        _ = try negotiator.answer(test.offer, with: .test())
        let first = try #require(negotiator.session?.sending(.video)?.local)
        test.sections[0].port = 0
        test.group = "BUNDLE 1"
        let answer = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.media[0].rejection == .rejectedByOffer)
        #expect(answer.bundleGroups == [["1"]])
        #expect(negotiator.session?.isICERestart == false)
        test.sections[0].port = 9
        test.sections[0].mid = "7"
        test.group = "BUNDLE 1 7"
        _ = try negotiator.answer(test.offer, with: .test())
        let recycled = try #require(negotiator.session?.sending(.video))
        #expect(recycled.mid == "7")
        #expect(recycled.index == 0)
        #expect(recycled.local?.ssrc != first.ssrc)
        #expect(recycled.local?.cname == first.cname)
    }

    @Test("A second video section is served only when the first gives the camera back")
    func cameraMoves() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        var test = TestOffer()
        _ = try negotiator.answer(test.offer, with: .test())
        test.sections.append(TestOffer.Section(mid: "2"))
        test.group = "BUNDLE 0 1 2"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.media.map(\.rejection) == [nil, nil, .noSource])
        test.sections[0].direction = "inactive"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.media.map(\.rejection) == [nil, nil, nil])
        #expect(negotiator.session?.sending(.video)?.mid == "2")
        // The one that has it keeps it.
        test.sections[0].direction = "recvonly"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.sending(.video)?.mid == "2")
        #expect(negotiator.session?.media[0].rejection == .noSource)
    }

    @Test("An offer that cannot be answered leaves the session as it was")
    func failure() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        _ = try negotiator.answer(Fixture.chromium.offer, with: .test())
        let before = negotiator.session
        var smaller = try Fixture.chromium.offer
        smaller.media.removeLast()
        #expect(throws: NegotiationError.sectionsRemoved) { try negotiator.answer(smaller, with: .test()) }
        var broken = try Fixture.chromium.offer
        for index in broken.media.indices { broken.media[index].attributes.removeAll { $0.name == "fingerprint" } }
        #expect(throws: NegotiationError.fingerprintMissing) { try negotiator.answer(broken, with: .test()) }
        #expect(negotiator.session == before)
    }

    @Test("A page that was loaded anew may offer less")
    func anotherPeerConnection() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        _ = try negotiator.answer(Fixture.chromium.offer, with: .test())
        let sections = try #require(negotiator.session?.media.count)
        let offer = try TestOffer().offer
        #expect(offer.media.count < sections)
        _ = try negotiator.answer(offer, with: .test("second"))
        #expect(negotiator.session?.isNewDTLSAssociation == true)
        #expect(negotiator.session?.media.count == offer.media.count)
    }
}
