import ICE
import Primitives
import TestSupport
import Testing

@Suite struct GatheringTests {
    let server = SocketAddress("198.18.0.1:3478")!

    func pair(_ monitor: NATKind?, _ kiosk: NATKind?, server isAlive: Bool = true, seed: UInt64 = 1) -> ICEPair {
        let pair = ICEPair(
            monitor: .init("10.1.0.2", nat: monitor), kiosk: .init("10.2.0.2", nat: kiosk), seed: seed)
        if isAlive {
            let host = pair.simulation.network.addHost("stun", addresses: [server.address])
            pair.simulation.attach(STUNServerNode(server), to: host, name: "stun")
        }
        pair.kiosk.agent.addSTUNServer(server, now: pair.now)
        pair.monitor.agent.addSTUNServer(server, now: pair.now)
        return pair
    }

    /// RFC 5128's table: which NATs let each other through by hole punching.
    @Test(arguments: NATKind.allCases, NATKind.allCases)
    func everyPairOfNATs(monitor: NATKind, kiosk: NATKind) throws {
        let pair = pair(monitor, kiosk)
        let kinds: Set = [monitor, kiosk]
        let isPossible = !(kinds == [.symmetric] || kinds == [.symmetric, .portRestricted])
        let time = try pair.connect(within: .seconds(15))
        #expect((time != nil) == isPossible, "\(monitor) \(kiosk): \(String(describing: time))")
        if let time {
            #expect(time < .seconds(3), "\(time)")
            #expect(try pair.dataFlows())
        }
    }

    @Test func aReflexiveCandidateSaysWhereItComesFrom() throws {
        let pair = pair(.portRestricted, .portRestricted)
        _ = try pair.connect()
        let candidate = try #require(pair.kiosk.agent.localCandidates.first { $0.type == .serverReflexive })
        #expect(candidate.address.socketAddress?.address.description.hasPrefix("203.0.113.") == true)
        #expect(candidate.relatedAddress == .ip(SocketAddress("10.2.0.2:6000")!))
        #expect(candidate.usernameFragment == pair.kiosk.agent.localCredentials.usernameFragment)
        #expect(pair.kiosk.agent.selectedPath?.localType == .serverReflexive)
    }

    @Test func aDeadServerCostsNothing() throws {
        let pair = ICEPair(kiosk: .init("198.51.100.20"))
        pair.kiosk.agent.addSTUNServer(server, now: pair.now)
        let time = try #require(try pair.connect())
        #expect(time < .milliseconds(300), "\(time)")
        #expect(!pair.kiosk.agent.isGatheringComplete)
        try pair.simulation.run(for: .seconds(6))
        #expect(pair.kiosk.agent.isGatheringComplete)
        #expect(pair.kiosk.events.filter { $0 == .gatheringComplete }.count == 1)
    }

    @Test func withoutANATThereIsNoReflexiveCandidate() throws {
        let pair = pair(nil, nil)
        _ = try pair.connect()
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.agent.localCandidates.map(\.type) == [.host])
        #expect(pair.kiosk.agent.isGatheringComplete)
    }

    /// RFC 8445 section 5.1.1.4: what was gathered has to be there still when the answer comes at last.
    @Test(
        "Idle mappings are kept alive until there is a path, and on it",
        arguments: [Duration.seconds(15), .seconds(3600)])
    func keepalives(interval: Duration) throws {
        var configuration = ICEConfiguration()
        configuration.keepaliveInterval = interval
        let pair = ICEPair(
            monitor: .init("10.1.0.2", nat: .portRestricted), kiosk: .init("10.2.0.2", nat: .portRestricted),
            signalingDelay: .seconds(50), configuration: configuration)
        let host = pair.simulation.network.addHost("stun", addresses: [server.address])
        pair.simulation.attach(STUNServerNode(server), to: host, name: "stun")
        for side in [pair.monitorHost, pair.kioskHost] {
            pair.simulation.network.setMappingLifetime(of: side, .seconds(20))
        }
        pair.kiosk.agent.addSTUNServer(server, now: pair.now)
        pair.monitor.agent.addSTUNServer(server, now: pair.now)
        let time = try pair.connect(within: .seconds(150))
        guard interval < .seconds(20) else {
            #expect(time == nil, "without keepalives both NATs have forgotten")
            return
        }
        #expect(time != nil)
        // Nothing is sent for two minutes but what keeps the path: the consent's questions.
        try pair.simulation.run(for: .seconds(120))
        #expect(pair.kiosk.agent.selectedPath?.isNominated == true)
        #expect(try pair.dataFlows())
    }

    @Test func aRestartAnnouncesAgainAtOnce() throws {
        let pair = pair(.portRestricted, .portRestricted)
        _ = try pair.connect()
        pair.kiosk.events.removeAll()
        pair.restart()
        try pair.simulation.run(for: .milliseconds(21))
        let types = pair.kiosk.events.compactMap { event -> CandidateType? in
            if case .localCandidate(let candidate) = event { candidate.type } else { nil }
        }
        #expect(types == [.host, .serverReflexive])
        #expect(try pair.simulation.run(within: .seconds(5)) { pair.bothNominated } != nil)
        #expect(try pair.dataFlows())
    }

    @Test func anAddressThatGoesEndsTheWaitForItsServers() {
        let now = Instant(nanoseconds: 1_000_000_000)
        let base = SocketAddress("192.0.2.1:1000")!
        var agent = ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(1))
        agent.addSTUNServer(server, now: now)
        agent.addTURNServer(
            TURNServer(address: server, credentials: TURNCredentials(username: "u", password: "p")), now: now)
        agent.addLocalAddress(base, now: now)
        agent.finishLocalAddresses(now: now)
        #expect(!agent.isGatheringComplete)
        agent.removeLocalAddress(base, now: now)
        #expect(agent.isGatheringComplete)
        var isTold = false
        while let event = agent.pollEvent() { isTold = isTold || event == .gatheringComplete }
        #expect(isTold)
    }
}
