import ICE
import Primitives
import STUN
import TestSupport
import Testing

/// The client alone, against the test's server in one host's memory.
@Suite struct TURNClientTests {
    static let address = SocketAddress("198.18.0.1:3478")!
    static let base = SocketAddress("192.0.2.1:6000")!
    static let peer = SocketAddress("203.0.113.7:7000")!

    final class Link {
        var client: TURNClient
        var servers: [TURNServerNode]
        var clock = ManualClock()
        var events: [TURNEvent] = []
        var sentToPeer: [Datagram] = []
        var received: [(bytes: [UInt8], peer: SocketAddress)] = []

        init(_ servers: [TURNServerNode], password: String = "secret", transport: TransportProtocol = .udp) {
            self.servers = servers
            client = TURNClient(
                server: TURNServer(
                    address: servers[0].address, transport: transport,
                    credentials: TURNCredentials(username: "kiosk", password: password)),
                base: base, authenticator: .openSSL, random: .seeded(1))
        }

        func deliver(_ datagram: Datagram) {
            if let server = servers.first(where: { $0.address == datagram.destination }) {
                server.receive(datagram, now: clock.now)
            } else if datagram.destination == base {
                if case .data(let range, let peer) = client.handle(datagram.bytes.span, now: clock.now) {
                    received.append((Array(datagram.bytes[range]), peer))
                }
            } else {
                sentToPeer.append(datagram)
            }
        }

        /// Everything that can happen now, happens.
        func settle() {
            for _ in 0..<50 {
                var packet = PacketBuffer(capacity: 1500)
                var isIdle = true
                while let transmit = client.pollTransmit(into: &packet, now: clock.now) {
                    let bytes = packet.bytes.copied()
                    deliver(Datagram(source: transmit.source, destination: transmit.destination, bytes: bytes))
                    isIdle = false
                }
                for server in servers {
                    while let datagram = server.pollTransmit(now: clock.now) {
                        deliver(datagram)
                        isIdle = false
                    }
                }
                while let event = client.pollEvent() { events.append(event) }
                if isIdle { return }
            }
            Issue.record("the client never goes idle")
        }

        func run(for duration: Duration) {
            let end = clock.now + duration
            settle()
            while let wake = client.nextTimeout, wake.at <= end {
                clock.advance(to: max(wake.at, clock.now))
                client.handleTimeout(now: clock.now)
                settle()
            }
            clock.advance(to: end)
        }

        func send(_ bytes: [UInt8], to peer: SocketAddress) -> Bool {
            var packet = PacketBuffer(capacity: 1500)
            packet.append(bytes.span)
            guard client.frame(&packet, to: peer) else { return false }
            let framed = packet.bytes.copied()
            deliver(Datagram(source: base, destination: client.server, bytes: framed))
            settle()
            return true
        }
    }

    func allocated(_ prepare: (TURNServerNode) -> Void = { _ in }) -> Link {
        let server = TURNServerNode(Self.address)
        prepare(server)
        let link = Link([server])
        link.client.start(now: link.clock.now)
        link.settle()
        return link
    }

    let relayed = SocketAddress("198.18.0.1:50000")!

    @Test func anAllocationTakesTwoRequests() {
        let link = allocated()
        #expect(link.events == [.allocated(relayed: [relayed], mapped: Self.base)])
        #expect(link.servers[0].counts[.allocate] == 2)
    }

    @Test func passwordAlgorithmsOfRFC8489() {
        let link = allocated { $0.usesSHA256 = true }
        #expect(link.events == [.allocated(relayed: [relayed], mapped: Self.base)])
        link.client.permit(Self.peer.address, now: link.clock.now)
        link.settle()
        #expect(link.client.isPermitted(Self.peer.address))
    }

    @Test func dataFirstInIndicationsThenInAChannel() {
        let link = allocated()
        #expect(!link.send([1, 2, 3], to: Self.peer))
        link.client.permit(Self.peer.address, now: link.clock.now)
        link.settle()
        #expect(link.events.last == .permissionGranted(Self.peer.address))
        for payload in [[1], [1, 2, 3, 4], Array(repeating: UInt8(7), count: 1200)] as [[UInt8]] {
            #expect(link.send(payload, to: Self.peer))
            #expect(link.sentToPeer.last == Datagram(source: relayed, destination: Self.peer, bytes: payload))
        }
        #expect(link.servers[0].channelFrames == 0)
        link.client.bindChannel(to: Self.peer, now: link.clock.now)
        link.settle()
        #expect(link.events.last == .channelBound(peer: Self.peer))
        #expect(link.send([9, 9, 9], to: Self.peer))
        #expect(link.sentToPeer.last?.bytes == [9, 9, 9])
        #expect(link.servers[0].channelFrames == 1)
        // And back.
        link.servers[0].receive(
            Datagram(source: Self.peer, destination: relayed, bytes: [5, 6, 7]), now: link.clock.now)
        link.settle()
        #expect(link.received.last?.bytes == [5, 6, 7])
        #expect(link.received.last?.peer == Self.peer)
    }

    @Test func aPacketWithoutRoomForTheHeaderIsNotFramed() {
        let link = allocated()
        link.client.permit(Self.peer.address, now: link.clock.now)
        link.settle()
        var packet = PacketBuffer(capacity: 1210)
        packet.append(Array(repeating: UInt8(1), count: 1200).span)
        let isFramed = link.client.frame(&packet, to: Self.peer)
        #expect(!isFramed)
        let count = packet.count
        #expect(count == 1200)
    }

    @Test func staleNoncesAreRenewed() {
        let link = allocated { $0.nonceLifetime = .seconds(100) }
        link.client.permit(Self.peer.address, now: link.clock.now)
        link.run(for: .seconds(3000))
        #expect(link.client.isAllocated)
        #expect(link.client.isPermitted(Self.peer.address))
        #expect(link.servers[0].allocations.count == 1)
    }

    @Test func wrongPassword() {
        let link = Link([TURNServerNode(Self.address)], password: "wrong")
        link.client.start(now: link.clock.now)
        link.settle()
        #expect(link.events == [.failed(.unauthenticated)])
        #expect(link.client.nextTimeout == nil)
        #expect(link.servers[0].counts[.allocate] == 2)
    }

    @Test func aDeadServerIsGivenUp() {
        let server = TURNServerNode(Self.address)
        server.isDead = true
        let link = Link([server])
        link.client.start(now: link.clock.now)
        link.run(for: .seconds(39))
        #expect(link.events.isEmpty)
        link.run(for: .seconds(1))
        #expect(link.events == [.failed(.timeout)])
    }

    @Test func anotherServer() {
        let second = TURNServerNode(SocketAddress("198.18.0.2:3478")!)
        let first = TURNServerNode(Self.address)
        first.alternate = second.address
        let link = Link([first, second])
        link.client.start(now: link.clock.now)
        link.settle()
        #expect(link.client.isAllocated)
        #expect(link.client.server == second.address)
        // And in a circle.
        second.alternate = first.address
        let circle = Link([first, second])
        circle.client.start(now: circle.clock.now)
        circle.settle()
        #expect(circle.events == [.failed(.redirectedTooOften)])
    }

    @Test("Over a stream the driver is told whom to ask, and by which name its certificate goes")
    func anotherServerByName() {
        let first = TURNServerNode(Self.address)
        first.alternate = SocketAddress("198.18.0.2:5349")!
        first.alternateDomain = "turn2.example.org"
        let link = Link([first], transport: .tls)
        link.client.start(now: link.clock.now)
        link.settle()
        let next = AlternateServer(address: SocketAddress("198.18.0.2:5349")!, domain: "turn2.example.org")
        #expect(link.events == [.failed(.redirected(to: next))])
    }

    @Test("A server that has not both families is asked for the one, then for the other")
    func oneFamilyOnly() {
        func relayed(_ relay: String) -> (TURNEvent?, Int?) {
            let server = TURNServerNode(Self.address, relays: [IPAddress(relay)!])
            server.givesBothFamilies = false
            let link = Link([server])
            link.client.start(now: link.clock.now)
            link.settle()
            return (link.events.first, server.counts[.allocate])
        }
        let ipv4 = relayed("198.18.0.1")
        #expect(ipv4 == (.allocated(relayed: [SocketAddress("198.18.0.1:50000")!], mapped: Self.base), 3))
        let ipv6 = relayed("2001:db8::9")
        #expect(ipv6 == (.allocated(relayed: [SocketAddress("[2001:db8::9]:50000")!], mapped: Self.base), 4))
    }

    @Test func renewedCredentialsServeWhenTheOldOnesEnd() {
        let link = allocated()
        link.servers[0].password = "new"
        link.client.replaceCredentials(TURNCredentials(username: "kiosk", password: "new"))
        link.run(for: .seconds(1500))
        #expect(link.client.isAllocated)
        #expect(link.servers[0].allocations.count == 1)
    }

    /// A server keeps an allocation to the name that made it: it serves as long as it lives.
    @Test func anotherNameCannotKeepTheAllocation() {
        let link = allocated()
        link.servers[0].username = "later"
        link.servers[0].password = "new"
        link.client.replaceCredentials(TURNCredentials(username: "later", password: "new"))
        link.run(for: .seconds(599))
        #expect(link.client.isAllocated)
        link.run(for: .seconds(1))
        #expect(link.events.last == .failed(.unauthenticated))
        #expect(link.client.nextTimeout == nil)
    }

    @Test func algorithmsThatNobodyKnows() {
        let server = TURNServerNode(Self.address)
        server.usesSHA256 = true
        server.algorithms = [0, 9, 0, 0]
        let link = Link([server])
        link.client.start(now: link.clock.now)
        link.settle()
        #expect(link.events == [.failed(.unauthenticated)])
        #expect(server.counts[.allocate] == 1, "nothing is signed by an algorithm that the server did not name")
    }

    @Test func morePeersThanThereIsRoomFor() {
        let link = allocated()
        let peers = (0..<65).map { IPAddress.v4(0xCB00_7100 + UInt32($0)) }
        for peer in peers { link.client.permit(peer, now: link.clock.now) }
        link.settle()
        #expect(link.client.isPermitted(peers[63]))
        #expect(link.events.filter { $0 == .permissionDenied(peers[64]) }.count == 1)
    }

    @Test func expiredCredentialsEndTheAllocation() {
        let link = allocated()
        link.servers[0].password = "changed"
        link.run(for: .seconds(600))
        #expect(link.events.last == .failed(.unauthenticated))
    }

    @Test func forbiddenPeers() {
        let link = allocated()
        let loopback = IPAddress("127.0.0.1")!
        link.client.permit(loopback, now: link.clock.now)
        link.settle()
        #expect(link.events.last == .permissionDenied(loopback))
        #expect(link.client.isAllocated)
    }

    @Test func closing() {
        let link = allocated()
        link.client.close(now: link.clock.now)
        link.settle()
        #expect(link.servers[0].allocations.isEmpty)
        #expect(link.client.nextTimeout == nil)
    }

    @Test func aStreamIsCutIntoFrames() throws {
        var reader = TURNStreamReader()
        let message = [UInt8].written {
            let message = STUNMessageWriter(.bindingRequest, TransactionID(high: 1, low: 2), into: &$0)
            message.write(.software, utf8: "abcde", into: &$0)
        }!
        let channel: [UInt8] = [0x40, 0x01, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]
        let stream = message + channel + message
        var packet = PacketBuffer(capacity: 1500)
        var frames: [[UInt8]] = []
        for byte in stream {
            reader.append([byte].span)
            while reader.next(into: &packet) { frames.append(packet.bytes.copied()) }
        }
        #expect(frames == [message, Array(channel.prefix(9)), message])
        reader.append([0x16, 3, 1, 0].span)
        let isMore = reader.next(into: &packet)
        #expect(!isMore)
        #expect(reader.isBroken)
    }

    @Test func overAStreamChannelDataIsPaddedAndNothingIsSentTwice() {
        let link = Link([TURNServerNode(Self.address)], transport: .tls)
        link.servers[0].isDead = true
        link.client.start(now: link.clock.now)
        link.run(for: .seconds(39))
        #expect(link.servers[0].counts.isEmpty)
        link.run(for: .seconds(1))
        #expect(link.events == [.failed(.timeout)])

        let live = Link([TURNServerNode(Self.address)], transport: .tcp)
        live.client.start(now: live.clock.now)
        live.settle()
        live.client.permit(Self.peer.address, now: live.clock.now)
        live.client.bindChannel(to: Self.peer, now: live.clock.now)
        live.settle()
        var packet = PacketBuffer(capacity: 100)
        packet.append([1, 2, 3, 4, 5].span)
        let isFramed = live.client.frame(&packet, to: Self.peer)
        let bytes = packet.bytes.copied()
        #expect(isFramed)
        #expect(bytes.count == 12 && Array(bytes[2...]) == [0, 5, 1, 2, 3, 4, 5, 0, 0, 0])
    }

    @Test func hostileServers() {
        var corpus: [[UInt8]] = [[0x40, 0x01, 0, 4, 1, 2, 3, 4]]
        let link = allocated()
        link.client.permit(Self.peer.address, now: link.clock.now)
        link.settle()
        let client = link.client
        corpus.append(
            [UInt8].written {
                let message = STUNMessageWriter(
                    MessageType(.data, .indication), TransactionID(high: 1, low: 1), into: &$0)
                message.write(.xorPeerAddress, xor: Self.peer, into: &$0)
                message.write(.data, ([1, 2, 3] as [UInt8]).span, into: &$0)
            }!)
        Fuzzing.run(corpus: corpus, mutations: 5000) { bytes in
            var copy = client
            if case .data(let range, _) = copy.handle(bytes.span, now: link.clock.now) {
                precondition(range.upperBound <= bytes.count, "turn: data lies in the datagram")
            }
            var reader = TURNStreamReader()
            reader.append(bytes.span)
            var packet = PacketBuffer(capacity: 1500)
            while reader.next(into: &packet) {}
        }
    }
}
