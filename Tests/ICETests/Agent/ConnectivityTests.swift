import ICE
import Primitives
import TestSupport
import Testing

/// Two agents over the simulated network, each test a scenario.
@Suite struct ConnectivityTests {
    @Test func twoHostsOnAGoodNetwork() throws {
        let pair = ICEPair()
        let time = try #require(try pair.connect())
        // 40 ms of signaling, then: check, answer and triggered check, answer; nomination and its answer.
        #expect(time <= .milliseconds(40 + 4 * 20 + 2 * 50 + 20))
        #expect(pair.kiosk.agent.state == .completed)
        #expect(pair.monitor.agent.state == .completed)
        #expect(pair.kiosk.agent.selectedPath?.remote == SocketAddress("192.0.2.10:5000"))
        #expect(pair.kiosk.agent.selectedPath?.base == SocketAddress("198.51.100.20:6000"))
        #expect(pair.kiosk.agent.selectedPath?.remoteType == .host)
        #expect(try pair.dataFlows())
        #expect(pair.kiosk.agent.drops.total == 0)
        #expect(pair.monitor.agent.drops.total == 0)
    }

    /// The kiosk may send as soon as its own check is answered: one round trip after the offer arrived.
    @Test func theKioskHasAPathOneRoundTripAfterTheOffer() throws {
        let pair = ICEPair()
        pair.start()
        let time = try #require(try pair.simulation.run(within: .seconds(2)) { pair.kiosk.agent.selectedPath != nil })
        // Offer 20 ms; the first check goes out with the candidate, in the same moment; round trip 40 ms.
        #expect(time == .milliseconds(60))
    }

    @Test func statesAreATranscript() throws {
        let pair = ICEPair()
        _ = try pair.connect()
        #expect(pair.kiosk.states == [.checking, .connected, .completed])
        #expect(pair.kiosk.events.contains(.gatheringComplete))
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.kiosk.states == [.checking, .connected, .completed])
        #expect(pair.monitor.states.suffix(1) == [.completed])
    }

    @Test(arguments: UInt64(1)...10)
    func lossReorderingDuplicationAndJitter(seed: UInt64) throws {
        let link = LinkConditions(
            latency: .milliseconds(30), jitter: .milliseconds(20), loss: 0.1, duplication: 0.1, reordering: 0.1)
        let pair = ICEPair(link: link, seed: seed)
        let time = try #require(try pair.connect(within: .seconds(20)))
        #expect(time < .seconds(8))
        // Consent survives 19 % loss per direction and question.
        try pair.simulation.run(for: .seconds(120))
        #expect(pair.kiosk.agent.selectedPath != nil)
        #expect(pair.monitor.agent.selectedPath != nil)
    }

    @Test(arguments: NATKind.allCases)
    func aMonitorBehindAnyNATReachesAPublicKiosk(nat: NATKind) throws {
        let pair = ICEPair(monitor: .init("10.0.0.2", nat: nat, natAddress: "203.0.113.5"))
        #expect(try pair.connect() != nil)
        #expect(pair.kiosk.agent.selectedPath?.remoteType == .peerReflexive)
        #expect(pair.kiosk.agent.selectedPath?.remote.address == IPAddress("203.0.113.5"))
        #expect(pair.monitor.agent.selectedPath?.localType == .peerReflexive)
        #expect(try pair.dataFlows())
    }

    @Test(arguments: NATKind.allCases)
    func aKioskBehindAnyNATReachesAPublicMonitor(nat: NATKind) throws {
        let pair = ICEPair(kiosk: .init("10.0.0.2", nat: nat, natAddress: "203.0.113.5"))
        #expect(try pair.connect() != nil)
        #expect(pair.kiosk.agent.selectedPath?.localType == .peerReflexive)
        #expect(try pair.dataFlows())
    }

    @Test func aHiddenAddressIsLearnedFromItsChecks() throws {
        let pair = ICEPair()
        pair.hidesMonitor = true
        #expect(try pair.connect() != nil)
        #expect(pair.kiosk.agent.selectedPath?.remoteType == .peerReflexive)
        let asked = pair.kiosk.events.contains {
            if case .resolveName("0b8e1b7c-2b3c-4a57-8a5e-1d3c5b7f9a11.local", _) = $0 { true } else { false }
        }
        #expect(asked)
    }

    @Test func aResolvedNameIsChecked() throws {
        let pair = ICEPair(monitor: .init("192.0.2.10", nat: nil), kiosk: .init("198.51.100.20"))
        let candidate = try Candidate("candidate:1 1 udp 2113937151 a.local 5000 typ host")
        pair.kiosk.agent.setRemoteCredentials(pair.monitor.agent.localCredentials, now: pair.now)
        pair.monitor.agent.setRemoteCredentials(pair.kiosk.agent.localCredentials, now: pair.now)
        pair.monitor.agent.addLocalAddress(ICEPair.base("192.0.2.10", port: 5000), now: pair.now)
        pair.kiosk.agent.addLocalAddress(ICEPair.base("198.51.100.20", port: 6000), now: pair.now)
        pair.kiosk.agent.addRemoteCandidate(candidate, now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.agent.selectedPath == nil)
        pair.kiosk.agent.addResolvedCandidate(candidate, address: IPAddress("192.0.2.10")!, now: pair.now)
        #expect(try pair.simulation.run(within: .seconds(1)) { pair.bothNominated } != nil)
        #expect(pair.kiosk.agent.selectedPath?.remoteType == .host)
    }

    @Test func bothFamilies() throws {
        let pair = ICEPair(
            monitor: .init("10.1.0.2", "2001:db8:1::2", nat: .symmetric),
            kiosk: .init("10.2.0.2", "2001:db8:2::2", nat: .symmetric))
        #expect(try pair.connect() != nil)
        #expect(pair.kiosk.agent.selectedPath?.remote == SocketAddress("[2001:db8:1::2]:5000"))
    }

    @Test func manyCandidatesWithoutAnAnswerDoNotKeepTheGoodOneAway() throws {
        let pair = ICEPair(
            monitor: .init("192.0.2.10"), kiosk: .init("198.51.100.20"))
        for index in 1...30 {
            let candidate = try Candidate("candidate:\(index) 1 udp 2130706431 203.0.113.\(index) 9 typ host")
            pair.kiosk.agent.addRemoteCandidate(candidate, now: pair.now)
        }
        #expect(try pair.connect() != nil)
    }

    @Test func noAnswerEndsInFailureAfterPatience() throws {
        let pair = ICEPair()
        pair.simulation.network.setBlocksUDP(true, of: pair.monitorHost)
        #expect(try pair.connect(within: .seconds(30)) == nil)
        #expect(pair.kiosk.agent.state == .checking)
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.kiosk.agent.state == .failed)
        #expect(pair.kiosk.agent.nextTimeout == nil)
    }

    @Test func onlyNamesThatNobodyResolvesStaysAliveForThePeersChecks() throws {
        let pair = ICEPair()
        pair.hidesMonitor = true
        // The monitor learns the answer late: until then the kiosk has nothing to check.
        pair.signalingDelay = .seconds(15)
        #expect(try pair.connect(within: .seconds(60)) != nil)
        #expect(!pair.kiosk.states.contains(.failed))
    }

    @Test func roleConflictIsSettledWhoeverNoticesIt() throws {
        for seed in UInt64(1)...8 {
            let pair = ICEPair(seed: seed, kioskRole: .controlling)
            #expect(try pair.connect() != nil)
            #expect(pair.monitor.agent.role != pair.kiosk.agent.role)
            #expect(try pair.dataFlows())
        }
    }

    @Test func bothControlled() throws {
        for seed in UInt64(1)...8 {
            let pair = ICEPair(seed: seed)
            pair.monitor.agent = ICEAgent(
                role: .controlled, authenticator: .openSSL, random: .seeded(seed + 1000))
            #expect(try pair.connect() != nil)
            #expect(pair.monitor.agent.role != pair.kiosk.agent.role)
        }
    }
}
