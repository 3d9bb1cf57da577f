import ICE
import Peer
import Primitives
import TestSupport
import Testing

/// Whole sessions whose sides stand behind NATs, with a server that both know.
@Suite struct TranslatorTests {
    static let translators: [NATKind?] = [nil] + NATKind.allCases

    /// Behind addresses that differ with whom they speak to, only a side that lets anybody's port in can be met.
    private func needRelay(_ first: NATKind?, _ second: NATKind?) -> Bool {
        switch (first, second) {
        case (.symmetric, .symmetric), (.symmetric, .portRestricted), (.portRestricted, .symmetric): true
        default: false
        }
    }

    private func isRelayed(_ pair: Pair) -> Bool {
        guard let path = pair.kiosk.session.selectedPath else { return false }
        return path.localType == .relayed || path.remoteType == .relayed
    }

    @Test("Picture and sound flow between any two, over the relay where nothing else works", arguments: translators)
    func combinations(kiosk: NATKind?) throws {
        for monitor in Self.translators {
            let name = "\(kiosk?.rawValue ?? "none") and \(monitor?.rawValue ?? "none")"
            let pair = try Pair(kioskNAT: kiosk, monitorNAT: monitor)
            let server = pair.addServer()
            #expect(try pair.connect() != nil, "\(name)")
            pair.startMedia()
            try pair.simulation.run(for: .seconds(2))
            #expect(pair.monitor.video.count >= 56 && pair.monitor.audio.count >= 92, "\(name)")
            #expect(!pair.monitor.video.contains { !$0.isIntact }, "\(name)")
            #expect(pair.kiosk.session.selectedPath?.isNominated == true, "\(name)")
            // Where the first checks of both must cross the other's NAT, the direct way takes one sent again, and the
            // monitor has nominated the relay before.
            let mayNeedRelay = kiosk == .symmetric && monitor == .addressRestricted
            #expect(isRelayed(pair) == needRelay(kiosk, monitor) || mayNeedRelay, "\(name)")
            // Media in channels, not in indications with their 36 bytes more.
            if isRelayed(pair) {
                let (framed, indicated) = (server.channelFrames, server.indications)
                try pair.simulation.run(for: .seconds(2))
                let (inChannels, others) = (server.channelFrames - framed, server.indications - indicated)
                #expect(inChannels > 300 && others < 10, "\(name): \(inChannels) in channels, \(others) in indications")
            }
            #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil, "\(name)")
        }
    }

    @Test("With a server that does not relay, two cones meet", arguments: [NATKind.fullCone, .portRestricted])
    func reflexive(kiosk: NATKind) throws {
        let pair = try Pair(kioskNAT: kiosk, monitorNAT: .portRestricted)
        pair.addServer(relays: false)
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(3))
        #expect(pair.monitor.video.count > 80)
        #expect(pair.kiosk.session.selectedPath?.remoteType == .serverReflexive)
    }

    @Test("Without a relay two symmetric ones never meet, and the session says so")
    func hopeless() throws {
        let pair = try Pair(kioskNAT: .symmetric, monitorNAT: .symmetric)
        pair.addServer(relays: false)
        #expect(try pair.connect(within: .seconds(90)) == nil)
        #expect(pair.kiosk.closeReason == .iceFailed)
    }

    @Test("Over a relay the encoder follows the path, too")
    func relayedRate() throws {
        let pair = try Pair(
            seed: 1, kioskNAT: .symmetric, monitorNAT: .symmetric,
            bitrates: PeerBitrates(maximumVideo: .kilobits(2600)))
        pair.addServer()
        _ = try #require(try pair.connect())
        pair.simulation.network.setLinks(
            of: pair.kioskHost, uplink: LinkConditions(loss: 0.02, rate: .kilobits(1500)), downlink: LinkConditions())
        pair.encoderFollows = true
        pair.startMedia()
        try pair.simulation.run(for: .seconds(12))
        #expect(isRelayed(pair))
        let course = Course(pair, last: .seconds(6))
        look("relayed", "\(course)")
        #expect(course.framesPerSecond >= 27)
        #expect(course.kilobits >= 1000)
    }

    /// Longer than an allocation, a permission and a nonce live, with NATs that forget in two minutes.
    @Test func aRelayedSessionOutlivesEveryLifetime() throws {
        let pair = try Pair(kioskNAT: .symmetric, monitorNAT: .symmetric)
        let server = pair.addServer()
        server.nonceLifetime = .seconds(70)
        server.grantedLifetime = 130
        _ = try #require(try pair.connect())
        try pair.simulation.run(for: .seconds(320))
        #expect(isRelayed(pair))
        pair.startMedia()
        try pair.simulation.run(for: .seconds(3))
        #expect(pair.monitor.video.count > 80)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    /// The kiosk's NAT restarts in the middle: its mappings are others, and the monitor learns the new one from the kiosk's
    /// next consent check. The session goes on without signaling.
    @Test(arguments: [NATKind.fullCone, .symmetric])
    func aNATThatForgets(kiosk: NATKind) throws {
        let pair = try Pair(kioskNAT: kiosk, monitorNAT: .fullCone)
        pair.addServer()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(3))
        pair.isSignalingUp = false
        pair.simulation.network.restartNAT(of: pair.kioskHost)
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(10))
        look("forgets", "\(pair.monitor.video.count - before) pictures in 10 s")
        #expect(pair.monitor.video.count > before + 200)
        #expect(Course(pair, last: .seconds(3)).framesPerSecond >= 29)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }
}
