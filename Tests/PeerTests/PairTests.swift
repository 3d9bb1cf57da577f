import Peer
import Primitives
import TestSupport
import Testing

/// Two whole peers against each other in virtual time.
@Suite struct PairTests {
    @Test func connectsAndMovesMedia() throws {
        let pair = try Pair()
        let took = try #require(try pair.connect())
        // Offer and answer take 40 ms of signaling, a connectivity check and two DTLS flights 40 ms each way.
        #expect(took < .milliseconds(400))
        pair.startMedia()
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.monitor.video.count >= 145)
        #expect(pair.monitor.audio.count >= 240)
        #expect(pair.monitor.video.first?.isKeyframe == true)
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(pair.monitor.video.map(\.number) == pair.monitor.video.map(\.number).sorted())
        #expect(pair.kiosk.session.snapshot.sessionDrops.total == 0)
    }

    /// As Firefox does: what comes of DTLS before its ICE has chosen a pair is thrown away.
    @Test func saysHelloAgainWhenThePeerChoosesAPair() throws {
        let pair = try Pair()
        var (isChosen, unheard) = (false, 0)
        pair.simulation.network.loses = { datagram in
            let bytes = datagram.bytes
            let isFromKiosk = datagram.source.port == 40_000
            // USE-CANDIDATE (RFC 8445 section 16.1) in the monitor's check.
            if !isFromKiosk, bytes[0] == 0 {
                isChosen =
                    isChosen
                    || stride(from: 20, to: bytes.count - 3, by: 4).contains { bytes[$0..<$0 + 4] == [0, 0x25, 0, 0] }
            }
            let isHello = bytes[0] == 22 && isFromKiosk
            if isHello, !isChosen { unheard += 1 }
            return isHello && !isChosen
        }
        // OpenSSL's timer knows only the real clock: here nothing but the choice makes a second hello.
        let took = try #require(try pair.connect())
        #expect(unheard > 0)
        #expect(took < .milliseconds(400))
    }

    struct Plan: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var conditions: LinkConditions
        /// Of 150 pictures sent in 5 s.
        var atLeast: Int
    }

    static let plans = [
        Plan(
            testDescription: "latency of 150 ms each way", conditions: LinkConditions(latency: .milliseconds(150)),
            atLeast: 135),
        Plan(
            testDescription: "jitter of 30 ms", conditions: LinkConditions(jitter: .milliseconds(30)), atLeast: 143),
        Plan(testDescription: "loss of 5 percent", conditions: LinkConditions(loss: 0.05), atLeast: 130),
        Plan(
            testDescription: "reordering of one in ten by 20 ms", conditions: LinkConditions(reordering: 0.1),
            atLeast: 143),
        Plan(testDescription: "one in ten twice", conditions: LinkConditions(duplication: 0.1), atLeast: 143),
        Plan(
            testDescription: "bursts of eight lost packets",
            conditions: LinkConditions(burstChance: 0.005, burstLength: 8), atLeast: 120),
    ]

    /// The handshake runs before the link gets bad: OpenSSL's retransmission timer knows only the real clock.
    @Test(arguments: plans, [1, 2, 3] as [UInt64])
    func survives(_ plan: Plan, seed: UInt64) throws {
        let pair = try Pair(seed: seed)
        _ = try #require(try pair.connect())
        pair.simulation.network.setLinks(of: pair.kioskHost, uplink: plan.conditions, downlink: LinkConditions())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(5))
        pair.stopMedia()
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.monitor.video.count >= plan.atLeast)
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(pair.monitor.closeReason == nil)
    }

    @Test func lostKeyframeIsAskedForAndComes() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        // Nothing gets through at first: the keyframe and its retransmissions are lost.
        pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = true }
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.isEmpty)
        pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = false }
        let took = try #require(try pair.simulation.run(within: .seconds(5)) { !pair.monitor.video.isEmpty })
        #expect(took < .seconds(1))
        #expect(pair.kiosk.keyframeRequests >= 1)
    }

    @Test func restartsICEWhileMediaFlows() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        let before = pair.monitor.video.count
        try pair.offer()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.count >= before + 57)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    @Test func closingSaysGoodbye() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.kiosk.session.close(now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.closeReason == .closedLocally)
        #expect(pair.monitor.closeReason == .closedByPeer)
        #expect(pair.kiosk.nextTimeout == nil)
    }

    @Test func consentThatIsNotGivenEndsTheSession() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(40))
        #expect(pair.kiosk.closeReason == .consentExpired)
    }

    @Test func wrongFingerprintEndsTheSession() throws {
        let pair = try Pair()
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now)
        let forged = offer.split(separator: "\r\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("a=fingerprint:sha-256 ")
                ? "a=fingerprint:sha-256 " + Array(repeating: "00", count: 32).joined(separator: ":") : String(line)
        }.joined(separator: "\r\n")
        let answer = try pair.kiosk.session.accept(offer: forged, now: pair.simulation.now)
        try pair.monitor.session.accept(answer: answer, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.kiosk.closeReason == .fingerprintMismatch)
        #expect(!pair.kiosk.isConnected)
    }
}
