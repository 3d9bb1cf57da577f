import ICE
import Primitives
import TestSupport
import Testing

/// What an agent tells of the pair that carries data.
@Suite struct SelectedPairTests {
    private static let server = SocketAddress("198.18.0.1:3478")!

    private func mapped(_ pair: ICEPair) -> IPAddress? { pair.monitor.agent.selectedPath?.remote.address }

    @Test func aHostCandidateIsItsBase() throws {
        let pair = ICEPair()
        _ = try #require(try pair.connect())
        let local = try #require(pair.kiosk.agent.selectedPair?.local)
        #expect(local.address == SocketAddress("198.51.100.20:6000")!)
        #expect(local.type == .host && local.relatedAddress == nil && local.server == nil && local.relayProtocol == nil)
        #expect(local.priority == pair.kiosk.agent.localCandidates.first?.priority)
    }

    @Test func aReflexiveCandidateIsWhatTheServerSaw() throws {
        let pair = ICEPair(
            monitor: .init("10.1.0.2", nat: .portRestricted), kiosk: .init("10.2.0.2", nat: .portRestricted))
        let host = pair.simulation.network.addHost("stun", addresses: [Self.server.address])
        pair.simulation.attach(STUNServerNode(Self.server), to: host, name: "stun")
        pair.kiosk.agent.addSTUNServer(Self.server, now: pair.now)
        pair.monitor.agent.addSTUNServer(Self.server, now: pair.now)
        _ = try #require(try pair.connect())
        let local = try #require(pair.kiosk.agent.selectedPair?.local)
        let candidate = try #require(pair.kiosk.agent.localCandidates.first { $0.type == .serverReflexive })
        #expect(local.type == .serverReflexive)
        #expect(.ip(local.address) == candidate.address && local.address.address == mapped(pair))
        #expect(local.relatedAddress == SocketAddress("10.2.0.2:6000")!)
        #expect(local.priority == candidate.priority)
        #expect(local.server == Self.server && local.relayProtocol == nil)
    }

    /// Nobody told the kiosk but the monitor's answer.
    @Test func aPeerReflexiveCandidateIsWhatThePeerSees() throws {
        let pair = ICEPair(kiosk: .init("10.2.0.2", nat: .portRestricted))
        _ = try #require(try pair.connect())
        let local = try #require(pair.kiosk.agent.selectedPair?.local)
        #expect(local.type == .peerReflexive)
        #expect(local.address == pair.monitor.agent.selectedPath?.remote)
        #expect(local.relatedAddress == SocketAddress("10.2.0.2:6000")!)
        #expect(local.priority == Candidate.priority(type: .peerReflexive, localPreference: .max))
        #expect(local.server == nil)
    }

    @Test func aRelayedCandidateNamesItsRelay() throws {
        let pair = ICEPair(monitor: .init("10.1.0.2", nat: .symmetric), kiosk: .init("10.2.0.2", nat: .symmetric))
        let host = pair.simulation.network.addHost("turn", addresses: [Self.server.address])
        pair.simulation.attach(TURNServerNode(Self.server), to: host, name: "turn")
        let credentials = TURNCredentials(username: "kiosk", password: "secret")
        pair.kiosk.agent.addTURNServer(TURNServer(address: Self.server, credentials: credentials), now: pair.now)
        pair.monitor.agent.addSTUNServer(Self.server, now: pair.now)
        _ = try #require(try pair.connect())
        let agent = pair.kiosk.agent
        let local = try #require(agent.selectedPair?.local)
        #expect(local.type == .relayed && local.address == agent.selectedPath?.relay)
        #expect(local.relayProtocol == .udp && local.server == Self.server)
        // What the server sees of the kiosk.
        #expect(local.relatedAddress?.address.description.hasPrefix("203.0.113.") == true)
        // The frames of the relay are not the application's bytes.
        let before = try #require(agent.selectedPair?.statistics.traffic)
        #expect(try pair.dataFlows())
        let after = try #require(pair.kiosk.agent.selectedPair?.statistics.traffic)
        #expect(after.packetsSent - before.packetsSent == 1 && after.bytesSent - before.bytesSent == 4)
    }

    /// Each pair keeps its counts, for when it is selected again.
    @Test func aPairsCountsAreItsOwn() throws {
        let pair = ICEPair(monitor: .init("192.0.2.10", "192.0.2.77"))
        #expect(pair.kiosk.agent.selectedPairChanges == 0)
        _ = try #require(try pair.connect())
        let changes = pair.kiosk.agent.selectedPairChanges
        #expect(changes >= 1)
        for _ in 0..<10 { #expect(try pair.dataFlows()) }
        let first = try #require(pair.kiosk.agent.selectedPair)
        #expect(first.statistics.traffic.packetsSent == 10 && first.statistics.traffic.bytesSent == 40)
        #expect(first.statistics.traffic.lastSentAt.map { pair.now - $0 } == .milliseconds(500))
        pair.restart()
        try pair.simulation.run(for: .seconds(5))
        #expect(try pair.dataFlows())
        let second = try #require(pair.kiosk.agent.selectedPair)
        #expect(second.id != first.id && second.local == first.local)
        #expect(second.statistics.traffic.packetsSent == 1)
        #expect(pair.kiosk.agent.selectedPairChanges == changes + 1)
        pair.kiosk.agent.close(now: pair.now)
        #expect(pair.kiosk.agent.selectedPair == nil && pair.kiosk.agent.selectedPairChanges == changes + 2)
    }
}
