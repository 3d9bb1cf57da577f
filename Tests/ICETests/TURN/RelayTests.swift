import ICE
import Primitives
import STUN
import TestSupport
import Testing

/// Agents behind NATs that do not let each other through, and a TURN server between them.
@Suite struct RelayTests {
    let address = SocketAddress("198.18.0.1:3478")!
    let credentials = TURNCredentials(username: "kiosk", password: "secret")

    /// A pair behind symmetric NATs; only the kiosk has a TURN server.
    func pair(
        seed: UInt64 = 1, link: LinkConditions = LinkConditions(), relays: [IPAddress]? = nil,
        _ prepare: (TURNServerNode) -> Void = { _ in }
    ) -> (ICEPair, TURNServerNode) {
        let pair = ICEPair(
            monitor: .init("10.1.0.2", nat: .symmetric), kiosk: .init("10.2.0.2", nat: .symmetric), link: link,
            seed: seed)
        let server = TURNServerNode(address, relays: relays)
        prepare(server)
        let host = pair.simulation.network.addHost("turn", addresses: [address.address] + (relays ?? []))
        pair.simulation.attach(server, to: host, name: "turn")
        pair.kiosk.agent.addTURNServer(TURNServer(address: address, credentials: credentials), now: pair.now)
        // Permissions are by address, so the kiosk has to hear the monitor's public one.
        pair.monitor.agent.addSTUNServer(address, now: pair.now)
        return (pair, server)
    }

    @Test func symmetricNATsMeetAtTheRelay() throws {
        let (pair, server) = pair()
        let time = try #require(try pair.connect())
        #expect(time < .milliseconds(800), "\(time)")
        let path = try #require(pair.kiosk.agent.selectedPath)
        #expect(path.localType == .relayed)
        #expect(path.relay?.address == address.address)
        #expect(path.base == SocketAddress("10.2.0.2:6000"))
        #expect(try pair.dataFlows())
        #expect(pair.kiosk.received.last?.bytes == [0x80, 1, 2, 3])
        #expect(pair.kiosk.received.last?.destination == path.relay)
        // Media goes in a channel: four bytes of header.
        let indications = server.indications
        #expect(try pair.dataFlows())
        #expect(server.indications == indications)
        #expect(server.channelFrames > 0)
    }

    @Test("A peer that may be reached directly is let in at the relay a little later", arguments: [true, false])
    func directPairsHaveAHeadStart(direct: Bool) throws {
        let pair = ICEPair(
            monitor: .init(direct ? "192.0.2.10" : "2001:db8::10"),
            kiosk: .init("10.2.0.2", nat: .portRestricted, natAddress: "198.51.100.20"))
        let server = TURNServerNode(address, relays: [IPAddress("198.18.0.1")!, IPAddress("2001:db8::1")!])
        let host = pair.simulation.network.addHost("turn", addresses: [address.address] + server.relayAddresses)
        pair.simulation.attach(server, to: host, name: "turn")
        pair.kiosk.agent.addTURNServer(TURNServer(address: address, credentials: credentials), now: pair.now)
        pair.kiosk.agent.addLocalAddress(SocketAddress("10.2.0.2:6000")!, now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(server.allocations.count == 1)
        pair.kiosk.agent.addRemoteCandidate(
            try Candidate("candidate:1 1 udp 2122260223 \(direct ? "192.0.2.10" : "2001:db8::10") 5000 typ host"),
            now: pair.now)
        let time = try #require(
            try pair.simulation.run(within: .seconds(1)) { server.allocations.first?.permissions.isEmpty == false })
        // And a trip through the network.
        #expect(direct ? (100...140).contains(time / .milliseconds(1)) : time < .milliseconds(40), "\(time)")
    }

    @Test("Of several servers, sockets and families no two candidates of a type have one priority")
    func priorities() throws {
        let pair = ICEPair(
            monitor: .init("10.1.0.2", nat: .symmetric), kiosk: .init("10.2.0.2", "10.2.0.3", nat: .symmetric))
        for number in 1...3 {
            let relays = [IPAddress("198.18.0.\(number)")!, IPAddress("2001:db8::\(number)")!]
            let at = SocketAddress(address: relays[0], port: 3478)
            let host = pair.simulation.network.addHost("turn\(number)", addresses: relays)
            pair.simulation.attach(TURNServerNode(at, relays: relays), to: host, name: "turn\(number)")
            pair.kiosk.agent.addTURNServer(TURNServer(address: at, credentials: credentials), now: pair.now)
        }
        _ = try pair.connect()
        try pair.simulation.run(for: .seconds(3))
        let candidates = pair.kiosk.agent.localCandidates
        #expect(candidates.count { $0.type == .relayed } == 12)
        #expect(candidates.count { $0.type == .serverReflexive } == 6)
        for type in [CandidateType.host, .serverReflexive, .relayed] {
            let priorities = candidates.filter { $0.type == type }.map(\.priority)
            #expect(Set(priorities).count == priorities.count, "\(type) \(priorities)")
        }
    }

    @Test("Allocations start no closer to each other, and to checks, than Ta")
    func pacing() throws {
        var agent = ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(3))
        for number in 1...4 {
            let server = TURNServer(address: SocketAddress("198.18.0.\(number):3478")!, credentials: credentials)
            agent.addTURNServer(server, now: .zero)
        }
        agent.addLocalAddress(SocketAddress("192.0.2.1:6000")!, now: .zero)
        var random = RandomSource.seeded(4)
        agent.setRemoteCredentials(.random(using: &random), now: .zero)
        let remote = "candidate:1 1 udp 2122260223 192.0.2.9 5000 typ host"
        agent.addRemoteCandidate(try Candidate(remote), now: .zero)
        var starts: [Instant] = []
        var seen: Set<TransactionID> = []
        var now = Instant.zero
        while now < .zero + .seconds(1) {
            var packet = PacketBuffer(capacity: 1500)
            while agent.pollTransmit(into: &packet, now: now) != nil {
                let message = try STUNMessage(packet.bytes)
                if seen.insert(message.transactionID).inserted { starts.append(now) }
            }
            let wake = try #require(agent.nextTimeout)
            #expect(wake.at > now)
            now = wake.at
            agent.handleTimeout(now: now)
        }
        #expect(starts.count == 5)
        for (earlier, later) in zip(starts, starts.dropFirst()) { #expect(later - earlier >= .milliseconds(50)) }
    }

    @Test(arguments: UInt64(1)...4)
    func withLoss(seed: UInt64) throws {
        let (pair, _) = pair(seed: seed, link: LinkConditions(loss: 0.1, reordering: 0.1))
        #expect(try pair.connect(within: .seconds(20)) != nil)
        try pair.simulation.run(for: .seconds(40))
        #expect(pair.kiosk.agent.selectedPath?.relay != nil)
    }

    @Test func halfAnHourOnTheRelay() throws {
        let (pair, server) = pair { $0.nonceLifetime = .seconds(500) }
        _ = try pair.connect()
        try pair.simulation.run(for: .seconds(1800))
        #expect(pair.kiosk.agent.state == .completed)
        #expect(try pair.dataFlows())
        #expect(server.allocations.count == 1)
        // Refreshed every nine minutes, some of them twice for the nonce's sake.
        #expect((3...8).contains(server.counts[.refresh] ?? 0), "\(server.counts)")
        #expect((7...17).contains(server.counts[.createPermission] ?? 0), "\(server.counts)")
        #expect((3...9).contains(server.counts[.channelBind] ?? 0), "\(server.counts)")
    }

    @Test func closingGivesTheAllocationBack() throws {
        let (pair, server) = pair()
        _ = try pair.connect()
        #expect(server.allocations.count == 1)
        pair.kiosk.agent.close(now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(server.allocations.isEmpty)
    }

    @Test func bothFamiliesOfOneAllocation() throws {
        let six = IPAddress("2001:db8:ffff::1")!
        let (pair, server) = pair(relays: [address.address, six])
        _ = try pair.connect()
        #expect(server.allocations.first?.relayed.count == 2)
        let relayed = pair.kiosk.agent.localCandidates.filter { $0.type == .relayed }
        #expect(relayed.compactMap { $0.address.socketAddress?.address } == [address.address, six])
        #expect(relayed[0].relatedAddress?.port != 0)
    }

    @Test func aDeadServerDelaysNothing() throws {
        let pair = ICEPair(kiosk: .init("198.51.100.20"))
        pair.kiosk.agent.addTURNServer(TURNServer(address: address, credentials: credentials), now: pair.now)
        let time = try #require(try pair.connect())
        #expect(time < .milliseconds(300))
        try pair.simulation.run(for: .seconds(6))
        #expect(pair.kiosk.agent.isGatheringComplete)
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.kiosk.agent.state == .completed)
    }

    /// Frames of a stream are whole, so the simulated network may carry them as datagrams.
    /// Servers may become known slowly: a silent one whose time is over meanwhile is no deadline any more.
    @Test func aSilentServerWhileOthersAreStillLookedFor() {
        var now = Instant(nanoseconds: 1_000_000_000)
        var agent = ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(1))
        agent.addLocalAddress(SocketAddress("192.0.2.1:1000")!, now: now)
        agent.addTURNServer(
            TURNServer(
                address: SocketAddress("192.0.2.9:3478")!, credentials: TURNCredentials(username: "u", password: "p")),
            now: now)
        var packet = PacketBuffer(capacity: 1500)
        for _ in 0..<100 {
            while agent.pollTransmit(into: &packet, now: now) != nil {}
            guard let wake = agent.nextTimeout else { break }
            #expect(wake.at > now)
            now = wake.at
            agent.handleTimeout(now: now)
        }
        #expect(!agent.isGatheringComplete)
        agent.finishLocalAddresses(now: now)
        #expect(agent.isGatheringComplete)
    }

    @Test func aRelayBehindAStream() throws {
        let pair = ICEPair(monitor: .init("10.1.0.2", nat: .symmetric), kiosk: .init("10.2.0.2", nat: .symmetric))
        let server = TURNServerNode(address)
        let host = pair.simulation.network.addHost("turn", addresses: [address.address])
        pair.simulation.attach(server, to: host, name: "turn")
        pair.monitor.agent.addSTUNServer(address, now: pair.now)
        let stream = SocketAddress("10.2.0.2:7777")!
        pair.kiosk.agent.addTURNStream(
            TURNServer(address: address, transport: .tls, credentials: credentials), local: stream, now: pair.now)
        #expect(try pair.connect() != nil)
        #expect(pair.kiosk.agent.selectedPath?.base == stream)
        #expect(try pair.dataFlows())
        var packet = PacketBuffer(capacity: 100)
        packet.append([1, 2, 3].span)
        #expect(pair.kiosk.agent.frame(&packet, now: pair.now)?.transport == .tls)
        pair.kiosk.agent.removeTURNStream(local: stream, now: pair.now)
        #expect(pair.kiosk.agent.selectedPath == nil)
        try pair.simulation.run(for: .seconds(1))
    }

    @Test func aRestartGoesOnAtTheRelay() throws {
        let (pair, server) = pair()
        _ = try pair.connect()
        pair.restart()
        var gaps = 0
        for _ in 0..<100 {
            if !pair.kiosk.sendData([0x80, 9], now: pair.now) { gaps += 1 }
            try pair.simulation.run(for: .milliseconds(10))
        }
        #expect(gaps == 0)
        #expect(pair.bothNominated)
        #expect(server.counts[.allocate] == 2)
        #expect(try pair.dataFlows())
    }

    @Test func aServerThatForgetsIsAskedForANewAllocation() throws {
        let (pair, server) = pair { $0.grantedLifetime = 60 }
        _ = try pair.connect()
        let before = pair.kiosk.agent.selectedPath?.relay
        // An interruption longer than the lifetime.
        server.isDead = true
        try pair.simulation.run(for: .seconds(100))
        server.isDead = false
        pair.restart()
        let time = try pair.simulation.run(within: .seconds(30)) {
            pair.bothNominated && pair.kiosk.agent.selectedPath?.relay != before
        }
        #expect(time != nil)
        #expect(try pair.dataFlows())
    }

    /// Its allocation, its permissions and every other trace of it are gone when it comes back.
    @Test func aServerThatIsAwayForLong() throws {
        let (pair, server) = pair { $0.grantedLifetime = 60 }
        _ = try pair.connect()
        server.isDead = true
        try pair.simulation.run(for: .seconds(300))
        server.isDead = false
        pair.restart()
        #expect(try pair.simulation.run(within: .seconds(30)) { pair.bothNominated } != nil)
        #expect(try pair.dataFlows())
    }

    @Test func aServerThatWasDeadIsAskedAgainByARestart() throws {
        let (pair, server) = pair { $0.isDead = true }
        #expect(try pair.connect(within: .seconds(60)) == nil)
        server.isDead = false
        pair.restart()
        let time = try #require(try pair.simulation.run(within: .seconds(10)) { pair.bothNominated })
        #expect(time < .seconds(2), "\(time)")
        #expect(pair.kiosk.agent.selectedPath?.relay != nil)
    }

    @Test func aRestartAnnouncesWhatTheRelaySaw() throws {
        let (pair, _) = pair()
        _ = try pair.connect()
        let before = pair.kiosk.agent.localCandidates.filter { $0.type == .serverReflexive }
        #expect(before.count == 1)
        pair.kiosk.agent.restart(now: pair.now)
        let after = pair.kiosk.agent.localCandidates.filter { $0.type == .serverReflexive }
        #expect(after.map(\.address) == before.map(\.address))
    }

    /// The server gives an address one allocation, and keeps it to the name that made it: when it refuses to renew a
    /// permission, the new name gets its own only when the old one's lifetime is over.
    @Test func renewedCredentialsOfAnotherName() throws {
        let (pair, server) = pair()
        _ = try pair.connect()
        let before = try #require(pair.kiosk.agent.selectedPath?.relay)
        (server.username, server.password) = ("later", "new")
        let renewed = TURNCredentials(username: "later", password: "new")
        pair.kiosk.agent.addTURNServer(TURNServer(address: address, credentials: renewed), now: pair.now)
        let ended = try #require(
            try pair.simulation.run(within: .seconds(300)) { pair.kiosk.agent.selectedPath?.relay != before })
        #expect(ended >= .seconds(230), "\(ended)")
        let time = try #require(
            try pair.simulation.run(within: .seconds(400)) {
                server.allocations.contains { $0.username == "later" }
            })
        #expect(ended + time < .seconds(605), "\(time)")
        #expect(server.allocations.count == 1)
        pair.restart()
        #expect(try pair.simulation.run(within: .seconds(10)) { pair.bothNominated } != nil)
        #expect(try pair.dataFlows())
    }

    /// A refresh that got no answer ends the allocation for us, but not for the server.
    @Test func anAllocationThatTheServerStillHoldsIsHadLater() throws {
        let (pair, server) = pair()
        _ = try pair.connect()
        try pair.simulation.run(for: .seconds(535))
        server.isDead = true
        try pair.simulation.run(for: .seconds(46))
        #expect(pair.kiosk.agent.localCandidates.allSatisfy { $0.type != .relayed })
        server.isDead = false
        try pair.simulation.run(for: .seconds(5))
        #expect(server.allocations.count == 1, "the lost one")
        let time = try pair.simulation.run(within: .seconds(30)) {
            pair.kiosk.agent.localCandidates.contains { $0.type == .relayed }
        }
        #expect(time != nil)
    }

    /// Two interfaces with several addresses each, and a firewall that lets only the stream out.
    @Test func manyAddressesLeaveRoomForAStream() throws {
        let now = Instant(nanoseconds: 1_000_000_000)
        var agent = ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(1))
        agent.addTURNServer(TURNServer(address: address, credentials: credentials), now: now)
        for index in 1...10 { agent.addLocalAddress(SocketAddress("192.0.2.\(index):1000")!, now: now) }
        let stream = SocketAddress("192.0.2.1:7777")!
        func add(_ local: SocketAddress) {
            agent.addTURNStream(
                TURNServer(address: address, transport: .tls, credentials: credentials), local: local, now: now)
        }
        add(stream)
        var packet = PacketBuffer(capacity: 1500)
        var asked: [SocketAddress] = []
        while let transmit = agent.pollTransmit(into: &packet, now: now) {
            if transmit.transport == .tls { asked.append(transmit.source) }
        }
        #expect(asked == [stream])
        // And those that are too many are refused aloud.
        for port in UInt16(8000)..<8008 { add(SocketAddress(address: stream.address, port: port)) }
        var refused: [ICEEvent] = []
        while let event = agent.pollEvent() { if case .turnStreamFailed = event { refused.append(event) } }
        #expect(refused == [.turnStreamFailed(local: SocketAddress("192.0.2.1:8007")!, alternate: nil)])
    }

    /// A server without room, and one with another secret: the reason goes up.
    @Test func refusalsAreTold() throws {
        let now = Instant(nanoseconds: 1_000_000_000)
        let local = SocketAddress("192.0.2.1:1000")!
        for (code, failure) in [
            (ErrorCode.allocationQuotaReached, TURNFailure.refused(.allocationQuotaReached)),
            (.unauthenticated, .unauthenticated),
        ] {
            var agent = ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(1))
            agent.addTURNServer(TURNServer(address: address, credentials: credentials), now: now)
            agent.addLocalAddress(local, now: now)
            var packet = PacketBuffer(capacity: 1500)
            var time = now
            var told: [ICEEvent] = []
            for _ in 0..<20 where told.isEmpty {
                while agent.pollTransmit(into: &packet, now: time) != nil {
                    let bytes = packet.bytes.copied()
                    packet.removeAll()
                    let request = try STUNMessage(bytes.span)
                    let isFirst = !request.has(.username)
                    let answer = [UInt8].written { writer in
                        let message = STUNMessageWriter(
                            MessageType(.allocate, .errorResponse), request.transactionID, into: &writer)
                        message.writeErrorCode(isFirst ? .unauthenticated : code, into: &writer)
                        message.write(.realm, utf8: "r", into: &writer)
                        message.write(.nonce, utf8: "n", into: &writer)
                    }!
                    _ = agent.handle(answer.span, from: address, local: local, now: time)
                }
                while let event = agent.pollEvent() { if case .relayRefused = event { told.append(event) } }
                time += .milliseconds(100)
                agent.handleTimeout(now: time)
            }
            #expect(told == [.relayRefused(server: address, transport: .udp, failure)])
            #expect("\(failure)".contains("\(code.rawValue)"))
        }
    }

    /// Each generation brings other peers; those of long ago need not be let in any more.
    @Test func restartsDoNotFillTheRelay() throws {
        let (pair, server) = pair()
        _ = try pair.connect()
        for generation in 1...4 {
            pair.restart()
            try pair.simulation.run(for: .milliseconds(100))
            for index in 1...30 {
                let text = "candidate:\(index) 1 udp \(index) 198.51.\(generation).\(index) 5000 typ host"
                pair.kiosk.agent.addRemoteCandidate(try Candidate(text), now: pair.now)
            }
            try pair.simulation.run(for: .seconds(2))
            let permitted = server.allocations[0].permissions
            for index in 1...30 { #expect(permitted[IPAddress("198.51.\(generation).\(index)")!] != nil) }
        }
        #expect(try pair.dataFlows())
    }
}
