import Primitives
import Testing

@testable import SDP

@Suite("Sections for data channels are answered (RFC 8841)")
struct DataSectionTests {
    private static let kiosk = LocalCapabilities(
        audio: .opus(direction: .sendonly), video: .video(direction: .sendonly), data: DataCapability())

    private func section(
        _ lines: [String] = ["a=sctp-port:5000"], mid: String = "d", transport: String = "UDP/DTLS/SCTP"
    )
        -> TestOffer.Section
    {
        var section = TestOffer.Section(media: "application", mid: mid, formats: "webrtc-datachannel", lines: lines)
        section.profile = transport
        section.direction = nil
        section.mux = false
        return section
    }

    private func answer(
        _ sections: [TestOffer.Section], _ capabilities: LocalCapabilities = DataSectionTests.kiosk
    ) throws -> (text: SessionDescription, session: NegotiatedSession) {
        var negotiator = Negotiator(capabilities: capabilities, random: .seeded(7))
        var offer = TestOffer()
        offer.sections = sections
        offer.group = "BUNDLE " + sections.compactMap(\.mid).joined(separator: " ")
        let answer = try negotiator.answer(SessionDescription(parsing: offer.text), with: .test())
        return (answer, try #require(negotiator.session))
    }

    @Test("Every real offer's data channels are taken", arguments: Fixture.allCases)
    func realOffers(fixture: Fixture) throws {
        var negotiator = Negotiator(capabilities: DataSectionTests.kiosk, random: .seeded(7))
        let offer = try fixture.offer
        let answer = try negotiator.answer(offer, with: .test())
        let session = try #require(negotiator.session)
        let offered = offer.media.first { $0.media == "application" }
        #expect((session.data != nil) == (offered != nil))
        #expect(session.data.map { $0.port == 5000 } ?? true)
        #expect(session.sending(.video) != nil && session.sending(.audio) != nil)
        #expect(try SessionDescription(parsing: answer.text) == answer)
        #expect(answer.bundleGroups.first == session.media.filter(\.isAccepted).map(\.mid))
    }

    @Test("The answer states our port and our largest message, and nothing of RTP")
    func golden() throws {
        let (answer, session) = try answer([TestOffer.Section(), section()])
        let data = try #require(answer.media.last)
        #expect(data.port == 9)
        #expect(data.transport == "UDP/DTLS/SCTP")
        #expect(data.formats == ["webrtc-datachannel"])
        #expect(data.attributes.first("sctp-port") == "5000")
        #expect(data.attributes.first("max-message-size") == "262144")
        #expect(data.attributes.first("mid") == "d")
        #expect(data.attributes.first("setup") == "active")
        for name in ["rtcp", "rtcp-mux", "sendonly", "inactive", "rtpmap"] { #expect(!data.attributes.has(name)) }
        #expect(session.refusals.isEmpty)
    }

    @Test("An offer of data channels alone is served")
    func alone() throws {
        let (answer, session) = try answer([section()])
        #expect(session.data == DataParameters(port: 5000, maximumMessageSize: 65_536))
        #expect(session.sending(.video) == nil)
        #expect(answer.media.first?.port == 9)
    }

    @Test(
        "What the peer takes at most",
        arguments: [
            ("a=max-message-size:0", Int.max), ("a=max-message-size:1073741823", 1_073_741_823),
            ("a=max-message-size:18446744073709551615", Int.max), ("a=x", 65_536),
        ])
    func largestMessage(line: String, expected: Int) throws {
        let (_, session) = try answer([section(["a=sctp-port:6000", line])])
        #expect(session.data == DataParameters(port: 6000, maximumMessageSize: expected))
    }

    @Test(
        "What cannot be served is rejected, and the picture is not",
        arguments: [
            ([String](), "UDP/DTLS/SCTP"), (["a=sctp-port:0"], "UDP/DTLS/SCTP"),
            (["a=sctp-port:70000"], "UDP/DTLS/SCTP"),
            (["a=sctp-port:-1"], "UDP/DTLS/SCTP"), (["a=sctp-port:5000", "a=max-message-size:x"], "UDP/DTLS/SCTP"),
            (["a=sctp-port:5000"], "DTLS/SCTP"), (["a=sctp-port:5000"], "UDP/TLS/RTP/SAVPF"),
        ])
    func invalid(lines: [String], transport: String) throws {
        let (answer, session) = try answer([TestOffer.Section(), section(lines, transport: transport)])
        #expect(session.sending(.video) != nil)
        #expect(session.data == nil)
        #expect(session.media.last?.rejection == .unsupportedTransport)
        #expect(answer.media.last?.port == 0)
    }

    @Test("A second association is rejected, and so is the first where we have no data channels")
    func second() throws {
        let two = try answer([section(mid: "d"), section(mid: "e")])
        #expect(two.session.media.map(\.rejection) == [nil, .noSource])
        let none = try answer([TestOffer.Section(), section()], .kiosk)
        #expect(none.session.media.last?.rejection == .unsupportedMedia)
    }

    @Test("Our own offer of data channels is answered, and both know the other's limits")
    func offered() throws {
        var offerer = Offerer(
            capabilities: LocalCapabilities(
                audio: nil, video: .video(direction: .recvonly), data: DataCapability(maximumMessageSize: 1000)),
            random: .seeded(3))
        let offer = try SessionDescription(parsing: offerer.offer(with: .test("offer")).text)
        var negotiator = Negotiator(capabilities: DataSectionTests.kiosk, random: .seeded(7))
        let answer = try negotiator.answer(offer, with: .test("answer"))
        #expect(negotiator.session?.data == DataParameters(port: 5000, maximumMessageSize: 1000))
        let session = try offerer.negotiate(SessionDescription(parsing: answer.text))
        #expect(session.data == DataParameters(port: 5000, maximumMessageSize: 262_144))

        var without = Negotiator(capabilities: .kiosk, random: .seeded(7))
        let refused = try offerer.negotiate(without.answer(offer, with: .test("answer")))
        #expect(refused.data == nil)
    }
}
