import Primitives
import STUN
import TestSupport
import Testing

@testable import ICE

/// What `Relays` does, call by call, with a TURN server in the same memory.
@Suite struct RelaysTranscriptTests {
    private static let server = SocketAddress("198.18.0.1:3478")!
    private static let base = SocketAddress("192.0.2.1:6000")!
    private let peer = RemoteEndpoint(
        address: SocketAddress("203.0.113.7:7000")!, type: .host, priority: 1, foundation: "1",
        knownSince: Instant.zero + .seconds(100))

    /// Relays, one server, and the moment.
    private struct Stage {
        var relays = Relays(configuration: ICEConfiguration(), authenticator: .openSSL)
        let server = TURNServerNode(RelaysTranscriptTests.server)
        var now = Instant.zero + .seconds(100)
        var random = RandomSource.seeded(1)
        let host = LocalEndpoint(
            base: RelaysTranscriptTests.base, type: .host, localPreference: 65_535, foundation: "1", relatedAddress: nil
        )
        let known = TURNServer(
            address: RelaysTranscriptTests.server, credentials: TURNCredentials(username: "kiosk", password: "secret"))

        /// The first question, whose turn the agent's pacing gives.
        mutating func begin() -> Bool {
            var packet = PacketBuffer(capacity: 1500)
            var pacing = StartPacing(interval: .milliseconds(50))
            guard let transmit = relays.pollAllocation(into: &packet, pacing: &pacing, now: now) else { return false }
            #expect(transmit == Transmit(source: host.base, destination: server.address))
            #expect(!pacing.isOpen(now: now))
            deliver(packet.bytes.copied())
            return true
        }

        /// How many datagrams the relays sent of themselves.
        mutating func exchange() -> Int {
            var packet = PacketBuffer(capacity: 1500)
            var count = 0
            while relays.pollTransmit(into: &packet, now: now) != nil {
                count += 1
                deliver(packet.bytes.copied())
            }
            return count
        }

        private mutating func deliver(_ bytes: [UInt8]) {
            server.receive(Datagram(source: host.base, destination: server.address, bytes: bytes), now: now)
            while let answer = server.pollTransmit(now: now) {
                #expect(
                    relays.handle(answer.bytes.span, from: answer.source, local: host.base, now: now) == .consumed)
            }
        }

        mutating func handleTimeout() { _ = relays.handleTimeout(bases: [host], random: &random, now: now) }
    }

    private let relayed = SocketAddress("198.18.0.1:50000")!

    /// One allocation from one socket.
    private func allocated() -> Stage {
        var stage = Stage()
        #expect(stage.relays.addServer(stage.known, bases: [stage.host], random: &stage.random, now: stage.now))
        #expect(stage.exchange() == 0, "the first question waits for its turn")
        #expect(stage.begin() == true)
        #expect(stage.relays.isAllocating)
        #expect(stage.exchange() == 1, "the second one, with credentials, does not")
        let endpoint = LocalEndpoint(
            base: relayed, type: .relayed, localPreference: 65_535,
            foundation: Foundation.of(type: .relayed, base: relayed.address, server: Self.server.address),
            relatedAddress: Self.base)
        // The server sees the socket as it is: that is no news.
        #expect(stage.relays.pollEvent() == .allocated([endpoint], mapped: nil))
        #expect(stage.relays.pollEvent() == nil)
        #expect(!stage.relays.isAllocating)
        return stage
    }

    @Test func oneSocketHasOneAllocationOfAServer() {
        var stage = allocated()
        #expect(!stage.relays.addServer(stage.known, bases: [stage.host], random: &stage.random, now: stage.now))
        #expect(!stage.relays.allocate(from: [stage.host], random: &stage.random, now: stage.now))
        #expect(stage.begin() == false)
    }

    @Test func aPeerThatMayBeReachedDirectlyIsLetInLater() {
        var stage = allocated()
        #expect(stage.relays.admit(peer, at: relayed, mayReachDirectly: true, now: stage.now) == true)
        #expect(stage.exchange() == 0)
        let due = Wake(at: stage.now + .milliseconds(100), reason: .iceCheck)
        #expect(stage.relays.nextTimeout(isGathering: false, pacing: StartPacing(interval: .zero)) == due)
        stage.now = due.at
        stage.handleTimeout()
        #expect(stage.exchange() == 1)
        #expect(stage.relays.pollEvent() == .permitted(peer.address.address, at: [relayed]))
        #expect(stage.relays.admit(peer, at: relayed, mayReachDirectly: true, now: stage.now) == false)
    }

    @Test func aPeerThatIsReachedOnlyByTheRelayIsLetInAtOnce() {
        var stage = allocated()
        #expect(stage.relays.admit(peer, at: relayed, mayReachDirectly: false, now: stage.now) == true)
        #expect(stage.exchange() == 1)
        #expect(stage.relays.pollEvent() == .permitted(peer.address.address, at: [relayed]))
    }

    @Test func aRestartForgetsWhoWasToBeLetIn() {
        var stage = allocated()
        #expect(stage.relays.admit(peer, at: relayed, mayReachDirectly: true, now: stage.now) == true)
        stage.relays.retainPeers([])
        stage.now += .seconds(1)
        stage.handleTimeout()
        #expect(stage.exchange() == 0)
    }

    @Test func dataIsFramedOnceThePeerIsLetIn() {
        var stage = allocated()
        var packet = PacketBuffer(capacity: 1500)
        packet.append([1, 2, 3].span)
        let direct = Transmit(source: Self.base, destination: peer.address)
        var routed = stage.relays.route(direct, &packet)
        #expect(routed == direct && packet.count == 3)
        let way = Transmit(source: relayed, destination: peer.address)
        routed = stage.relays.route(way, &packet)
        #expect(routed == nil && packet.count == 3)
        #expect(stage.relays.drops[.noPermission] == 1)
        #expect(stage.relays.admit(peer, at: relayed, mayReachDirectly: false, now: stage.now) == true)
        #expect(stage.exchange() == 1)
        routed = stage.relays.route(way, &packet)
        #expect(routed == Transmit(source: Self.base, destination: Self.server) && packet.count == 40)
        stage.relays.bindChannel(to: peer.address, at: relayed, now: stage.now)
        #expect(stage.exchange() == 1)
        packet.removeAll()
        packet.append([1, 2, 3].span)
        routed = stage.relays.route(way, &packet)
        #expect(routed == Transmit(source: Self.base, destination: Self.server) && packet.count == 7)
    }

    @Test func whatTheServerHandsOnIsThePeers() throws {
        var stage = allocated()
        #expect(stage.relays.admit(peer, at: relayed, mayReachDirectly: false, now: stage.now) == true)
        #expect(stage.exchange() == 1)
        stage.server.receive(Datagram(source: peer.address, destination: relayed, bytes: [0x80, 1, 2]), now: stage.now)
        let sent = try #require(stage.server.pollTransmit(now: stage.now))
        let input = stage.relays.handle(sent.bytes.span, from: sent.source, local: Self.base, now: stage.now)
        #expect(input == .data(36..<39, from: peer.address, local: relayed))
        // From elsewhere the same bytes are no relay's business.
        #expect(stage.relays.handle(sent.bytes.span, from: peer.address, local: Self.base, now: stage.now) == nil)
    }

    @Test func aLostAllocationIsAskedForAgain() throws {
        var stage = allocated()
        stage.server.isDead = true
        var lost: LostRelay?
        while lost == nil, let wake = stage.relays.nextTimeout(isGathering: false, pacing: StartPacing(interval: .zero))
        {
            stage.now = wake.at
            stage.handleTimeout()
            _ = stage.exchange()
            if case .lost(let relay) = stage.relays.pollEvent() { lost = relay }
        }
        let relay = try #require(lost)
        #expect(relay.relayed == [relayed] && relay.failure == .timeout)
        #expect(relay.events == [.relayRefused(server: Self.server, transport: .udp, .timeout)])
        #expect(stage.relays.route(of: relayed) == nil)
        #expect(stage.relays.replace(relay, random: &stage.random, now: stage.now))
        // The server forgot the old one long ago.
        stage.server.isDead = false
        stage.now += .seconds(600)
        #expect(stage.begin() == true)
        #expect(stage.exchange() == 1)
        guard case .allocated(let endpoints, _) = stage.relays.pollEvent() else {
            Issue.record("no allocation")
            return
        }
        #expect(endpoints.map(\.base) == [SocketAddress("198.18.0.1:50001")!])
    }

    @Test func aSocketThatGoesTakesItsRelayWithIt() {
        var stage = allocated()
        #expect(stage.relays.removeNext(from: Self.base, isStream: true) == nil)
        #expect(stage.relays.removeNext(from: Self.base, isStream: false) == [relayed])
        #expect(stage.relays.removeNext(from: Self.base, isStream: false) == nil)
        #expect(stage.relays.nextTimeout(isGathering: true, pacing: StartPacing(interval: .zero)) == nil)
    }

    @Test func closingGivesTheAllocationBack() {
        var stage = allocated()
        stage.relays.close(now: stage.now)
        #expect(stage.exchange() == 1)
        #expect(stage.server.allocations.isEmpty)
    }

    @Test func gatheringWaitsForAServerUntilItIsLate() {
        var stage = Stage()
        stage.server.isDead = true
        #expect(stage.relays.addServer(stage.known, bases: [stage.host], random: &stage.random, now: stage.now))
        stage.now += .milliseconds(4_999)
        stage.relays.giveUpLate(now: stage.now)
        #expect(stage.relays.isAllocating)
        stage.now += .milliseconds(1)
        stage.relays.giveUpLate(now: stage.now)
        #expect(!stage.relays.isAllocating)
    }
}
