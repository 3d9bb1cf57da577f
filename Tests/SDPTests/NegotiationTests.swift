import Primitives
import SDP
import Testing

@Suite("Offers are answered")
struct NegotiationTests {
    func negotiator(_ capabilities: LocalCapabilities = .kiosk) -> Negotiator {
        Negotiator(capabilities: capabilities, random: .seeded(7))
    }

    @Test("Every real offer gets picture and sound", arguments: Fixture.allCases)
    func realOffers(fixture: Fixture) throws {
        var negotiator = negotiator()
        let offer = try fixture.offer
        let answer = try negotiator.answer(offer, with: .test())
        let session = try #require(negotiator.session)
        let video = try #require(session.sending(.video))
        let audio = try #require(session.sending(.audio))
        let expected: [Fixture: (video: UInt8, rtx: UInt8, audio: UInt8)] = [
            .aiortc: (97, 98, 96), .chrome70: (96, 97, 111), .chromium: (96, 97, 111), .chromiumMDNS: (96, 97, 111),
            .edge: (96, 97, 111), .firefox: (120, 124, 109), .flutter: (96, 97, 111), .safari: (100, 101, 111),
        ]
        let types = try #require(expected[fixture])
        #expect(video.codecs.map(\.codec.payloadType.rawValue) == [types.video])
        #expect(video.codecs.first?.retransmissionType?.rawValue == types.rtx)
        #expect(audio.codecs.map(\.codec.payloadType.rawValue) == [types.audio])
        #expect(video.direction == .sendonly)
        #expect(session.dtlsRole == .client)
        #expect(!session.remoteFingerprints.isEmpty)
        #expect(session.refusals.isEmpty)

        // What we wrote is what was agreed on.
        let read = try SessionDescription(parsing: answer.text)
        #expect(read == answer)
        #expect(read.media.count == offer.media.count)
        for (section, media) in zip(read.media, session.media) {
            #expect(section.media == offer.media[media.index].media)
            #expect(section.transport == offer.media[media.index].transport)
            #expect((section.port == 0) == !media.isAccepted)
            #expect(section.mid == media.mid)
        }
        let group = try #require(read.bundleGroups.first)
        #expect(group == session.media.filter(\.isAccepted).map(\.mid))
        #expect(
            read.media[video.index].sources == [video.local?.ssrc, video.local?.retransmissionSSRC].compactMap { $0 })
        #expect(read.media[audio.index].statedDirection == .sendonly)
        #expect(video.local?.streamID == audio.local?.streamID)
        #expect(video.local?.cname == audio.local?.cname)
        // A data channel is rejected and costs nothing else.
        for media in session.media where offer.media[media.index].media == "application" {
            #expect(media.rejection == .unsupportedMedia)
        }
    }

    @Test("The answer to Chromium, line by line")
    func golden() throws {
        var negotiator = negotiator()
        let answer = try negotiator.answer(Fixture.chromium.offer, with: .test())
        let local = try #require(negotiator.session?.sending(.video)?.local)
        let repair = try #require(local.retransmissionSSRC)
        let msid = "\(local.streamID) \(local.trackID)"
        let lines = answer.text.split(separator: "\r\n").map(String.init)
        let start = try #require(lines.firstIndex { $0.hasPrefix("m=video") })
        let end = try #require(lines.firstIndex { $0.hasPrefix("m=audio") })
        #expect(
            Array(lines[start..<end]) == [
                "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
                "c=IN IP4 0.0.0.0",
                "a=rtcp:9 IN IP4 0.0.0.0",
                "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
                "a=ice-ufrag:abcdfirst",
                "a=ice-pwd:0123456789abcdefghijklfirst",
                "a=ice-options:trickle ice2",
                "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
                "a=setup:active",
                "a=mid:0",
                "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
                "a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
                "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
                "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
                "a=sendonly",
                "a=rtcp-mux",
                "a=rtcp-rsize",
                "a=rtpmap:96 VP8/90000",
                "a=rtcp-fb:96 nack",
                "a=rtcp-fb:96 nack pli",
                "a=rtcp-fb:96 ccm fir",
                "a=rtcp-fb:96 transport-cc",
                "a=rtcp-fb:96 goog-remb",
                "a=rtpmap:97 rtx/90000",
                "a=fmtp:97 apt=96",
                "a=msid:\(msid)",
                "a=ssrc-group:FID \(local.ssrc) \(repair)",
                "a=ssrc:\(local.ssrc) cname:\(local.cname)",
                "a=ssrc:\(local.ssrc) msid:\(msid)",
                "a=ssrc:\(repair) cname:\(local.cname)",
                "a=ssrc:\(repair) msid:\(msid)",
            ])
    }

    @Test("Firefox's one-way extension is answered the other way")
    func extensionDirection() throws {
        var negotiator = negotiator()
        let answer = try negotiator.answer(Fixture.firefox.offer, with: .test())
        let lines = answer.text.split(separator: "\r\n")
        #expect(lines.contains("a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"))
        #expect(lines.contains("a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid"))
        let video = try #require(negotiator.session?.sending(.video))
        #expect(video.sendExtensionID(.playoutDelay) == 6)
        #expect(video.receiveExtensionID(.playoutDelay) == nil)
        #expect(video.sendExtensionID(.transportSequence) == 7)
    }

    @Test("Candidates of one transport, from wherever they stand")
    func candidates() throws {
        var chromium = negotiator()
        _ = try chromium.answer(Fixture.chromium.offer, with: .test())
        // One for UDP in each section, the data channel's among them, and one for TCP that all repeat.
        #expect(chromium.session?.remoteICE.candidates.count == 4)
        #expect(chromium.session?.remoteICE.isEndOfCandidates == false)
        var firefox = negotiator()
        _ = try firefox.answer(Fixture.firefox.offer, with: .test())
        #expect(firefox.session?.remoteICE.isEndOfCandidates == true)
        #expect(firefox.session?.remoteICE.options == ["trickle"])

        // A section with other credentials speaks of a transport that the bundle leaves behind.
        var test = TestOffer()
        test.sections[0].lines.append("a=candidate:1 1 udp 1 192.0.2.1 1 typ host")
        test.sections[1].transport = false
        test.sections[1].lines += [
            "a=ice-ufrag:other", "a=ice-pwd:bbbbbbbbbbbbbbbbbbbbbb", "a=candidate:2 1 udp 1 192.0.2.2 1 typ host",
        ]
        var negotiator = negotiator()
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(
            negotiator.session?.remoteICE.candidates == [
                RemoteCandidate(mid: "0", sectionIndex: 0, text: "candidate:1 1 udp 1 192.0.2.1 1 typ host")
            ])
    }

    @Test(
        "Directions",
        arguments: [
            ("recvonly", Direction.sendonly), ("sendrecv", .sendonly), ("sendonly", .inactive), ("inactive", .inactive),
        ])
    func directions(offered: String, ours: Direction) throws {
        var test = TestOffer()
        test.sections[0].direction = offered
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        let video = try #require(negotiator.session?.media[0])
        #expect(video.direction == ours)
        #expect((video.local != nil) == ours.sends)
        #expect(answer.media[0].statedDirection == ours)
        #expect(answer.media[0].port == 9)
    }

    @Test("A direction may be missing, or stated for the session")
    func inheritedDirections() throws {
        var test = TestOffer()
        test.sections[0].direction = nil
        var first = negotiator()
        _ = try first.answer(test.offer, with: .test())
        #expect(first.session?.media[0].direction == .sendonly)
        test.session = ["a=inactive"]
        var second = negotiator()
        _ = try second.answer(test.offer, with: .test())
        #expect(second.session?.media[0].direction == .inactive)
    }

    @Test("With talk-back, sound goes both ways")
    func talkBack() throws {
        var capabilities = LocalCapabilities.kiosk
        capabilities.audio = .opus(direction: .sendrecv)
        var negotiator = negotiator(capabilities)
        let answer = try negotiator.answer(Fixture.edge.offer, with: .test())
        let audio = try #require(negotiator.session?.sending(.audio))
        #expect(audio.direction == .sendrecv)
        #expect(audio.remoteSources == [SSRC(1_327_459_811)])
        #expect(audio.receiveExtensionID(.mid) == 4)
        #expect(answer.media[0].statedDirection == .sendrecv)
    }

    @Test(
        "Who starts DTLS",
        arguments: [
            ("actpass", DTLSRole.client, "active"), ("passive", .client, "active"), ("active", .server, "passive"),
            ("", .server, "passive"),
        ])
    func dtlsRoles(setup: String, role: DTLSRole, answered: String) throws {
        var test = TestOffer()
        test.setup = setup
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.dtlsRole == role)
        #expect(answer.text.contains("a=setup:\(answered)\r\n"))
    }

    @Test("Sections that cannot be served are rejected alone")
    func rejections() throws {
        var test = TestOffer()
        var h264 = TestOffer.Section(mid: "h264")
        h264.lines = ["a=rtpmap:96 H264/90000"]
        var noMux = TestOffer.Section.audio(mid: "nomux")
        noMux.mux = false
        var data = TestOffer.Section(media: "application", mid: "data", formats: "webrtc-datachannel", lines: [])
        data.profile = "UDP/DTLS/SCTP"
        let outside = TestOffer.Section.audio(mid: "outside")
        var stopped = TestOffer.Section(mid: "stopped")
        stopped.port = 0
        test.sections += [h264, noMux, data, outside, stopped, TestOffer.Section(mid: "second")]
        test.group = "BUNDLE 0 1 h264 nomux data stopped second"
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        let media = try #require(negotiator.session?.media)
        #expect(
            media.map(\.rejection) == [
                nil, nil, .noCommonCodec, .unsupportedTransport, .unsupportedMedia, .notBundled, .rejectedByOffer,
                .noSource,
            ])
        #expect(answer.media.map(\.port) == [9, 9, 0, 0, 0, 0, 0, 0])
        #expect(answer.bundleGroups == [["0", "1"]])
        // webrtcbin refuses the whole answer otherwise.
        for name in ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] {
            #expect(answer.media.allSatisfy { $0.attributes.contains { $0.name == name } }, "\(name)")
        }
        #expect(
            negotiator.session?.refusals == [MediaRefusal(mid: "h264", kind: .video, reason: .noCommonCodec)])
    }

    @Test("No common codec is an error of its own, and leaves no trace")
    func noCommonCodec() throws {
        var test = TestOffer()
        test.sections = [TestOffer.Section(lines: ["a=rtpmap:96 H264/90000"])]
        test.group = "BUNDLE 0"
        var negotiator = negotiator()
        let offer = try test.offer
        #expect(throws: NegotiationError.noCommonCodec) { try negotiator.answer(offer, with: .test()) }
        #expect(negotiator.session == nil)
        test.sections = [TestOffer.Section(media: "application", formats: "webrtc-datachannel", lines: [])]
        let data = try test.offer
        #expect(throws: NegotiationError.nothingToServe) { try negotiator.answer(data, with: .test()) }
    }

    @Test(
        "Transports that cannot be",
        arguments: [
            ("ice-ufrag", NegotiationError.iceCredentialsMissing), ("ice-pwd", .iceCredentialsMissing),
            ("fingerprint", .fingerprintMissing), ("setup", .unsupportedSetup("holdconn")),
        ])
    func brokenTransports(attribute: String, error: NegotiationError) throws {
        var offer = try TestOffer().offer
        for index in offer.media.indices {
            offer.media[index].attributes.removeAll { $0.name == attribute }
            if attribute == "setup" { offer.media[index].attributes.append(Attribute("setup", "holdconn")) }
        }
        var negotiator = negotiator()
        #expect(throws: error) { try negotiator.answer(offer, with: .test()) }
    }

    @Test("The transport may be stated for the session")
    func sessionLevelTransport() throws {
        var test = TestOffer()
        for index in test.sections.indices { test.sections[index].transport = false }
        test.session = [
            "a=ice-lite", "a=ice-ufrag:lite", "a=ice-pwd:cccccccccccccccccccccc", "a=fingerprint:\(test.fingerprint)",
            "a=setup:passive", "a=ice-options:trickle ice2",
        ]
        var negotiator = negotiator()
        _ = try negotiator.answer(test.offer, with: .test())
        let session = try #require(negotiator.session)
        #expect(session.remoteICE.credentials.usernameFragment == "lite")
        #expect(session.remoteICE.isLite)
        #expect(session.remoteICE.options == ["trickle", "ice2"])
        #expect(session.dtlsRole == .client)
    }

    @Test("Without a bundle one section is served")
    func noBundle() throws {
        var test = TestOffer()
        test.group = nil
        test.sections[0].mid = nil
        test.sections[1].mid = nil
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.media.map(\.rejection) == [nil, .notBundled])
        #expect(answer.bundleGroups.isEmpty)
        #expect(negotiator.session?.sending(.video) != nil)
    }

    @Test("Without a bundle the picture is served, wherever it stands, and the sound's refusal is known")
    func noBundleSoundFirst() throws {
        var test = TestOffer()
        test.group = nil
        test.sections.reverse()
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.media.map(\.rejection) == [.notBundled, nil])
        #expect(answer.media.map(\.port) == [0, 9])
        #expect(
            negotiator.session?.refusals == [MediaRefusal(mid: "1", kind: .audio, reason: .notBundled)])
        // The transport in use stays, though its picture is paused.
        test.sections[1].direction = "inactive"
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.media.map(\.rejection) == [.notBundled, nil])
        // Where no picture is wanted, the first section is the one.
        var listener = self.negotiator()
        _ = try listener.answer(test.offer, with: .test())
        #expect(listener.session?.media.map(\.rejection) == [nil, .notBundled])
    }

    @Test(
        "What the peer takes of one kind",
        arguments: [
            (["b=AS:150"], 126_500), (["b=TIAS:150000"], 150_000), (["b=AS:10", "b=TIAS:90000"], 90_000),
            (["b=TIAS:90000", "b=TIAS:80000 "], 80_000), (["b=AS:1"], 6_000), (["b=CT:100", "b=X-YZ:128"], nil),
            (["b=AS:"], nil), (["b=AS:-1"], nil), (["b=AS:99999999999999999999"], nil), (["b=TIAS:1e5"], nil),
            ([], nil),
        ] as [([String], Int64?)])
    func bandwidth(lines: [String], expected: Int64?) throws {
        var test = TestOffer()
        test.sections[0].lines += lines
        var negotiator = negotiator()
        _ = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.sending(.video)?.maximumBitrate?.bitsPerSecond == expected)
        #expect(negotiator.session?.sending(.audio)?.maximumBitrate == nil)
        var whole = TestOffer()
        whole.session = lines
        _ = try negotiator.answer(whole.offer, with: .test())
        #expect(negotiator.session?.maximumBitrate?.bitsPerSecond == expected)
    }

    @Test("Nothing is sent to a peer that takes nothing", arguments: ["b=AS:0", "b=TIAS:0"])
    func noBandwidth(line: String) throws {
        var test = TestOffer()
        test.sections[0].lines.append(line)
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        #expect(negotiator.session?.sending(.video) == nil && negotiator.session?.sending(.audio) != nil)
        #expect(answer.media[0].statedDirection == .inactive && answer.media[0].port == 9)
    }

    @Test("The tagged section is the first one accepted, though a data channel stands before it")
    func taggedSection() throws {
        var test = TestOffer()
        var data = TestOffer.Section(media: "application", mid: "d", formats: "webrtc-datachannel", lines: [])
        data.profile = "UDP/DTLS/SCTP"
        test.sections.insert(data, at: 0)
        test.group = "BUNDLE d 1 0"
        var negotiator = negotiator()
        let answer = try negotiator.answer(test.offer, with: .test())
        #expect(answer.bundleGroups == [["1", "0"]])
        // Our candidates stand in the tagged section only.
        #expect(answer.media.map { !$0.candidates.isEmpty } == [false, false, true])
    }

    @Test("Mids may be any token, and extension identifiers above 14 need consent")
    func oddTokens() throws {
        var test = TestOffer()
        test.group = "BUNDLE {v!deo} 1"
        test.sections[0].mid = "{v!deo}"
        test.sections[0].lines += ["a=extmap:20 urn:ietf:params:rtp-hdrext:sdes:mid"]
        var strict = negotiator()
        _ = try strict.answer(test.offer, with: .test())
        #expect(strict.session?.media[0].mid == "{v!deo}")
        #expect(strict.session?.media[0].headerExtensions.isEmpty == true)
        test.sections[0].lines += ["a=extmap-allow-mixed"]
        var mixed = negotiator()
        let answer = try mixed.answer(test.offer, with: .test())
        #expect(mixed.session?.media[0].sendExtensionID(.mid) == 20)
        #expect(answer.media[0].attributes.contains(Attribute("extmap-allow-mixed")))
    }
}
