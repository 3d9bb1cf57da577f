import ICE
import Peer
import Primitives
import TestSupport
import Testing

/// What becomes of media when addresses come and go.
@Suite struct PathTests {
    private func connected(_ addresses: [String]) throws -> Pair {
        let pair = try Pair(kioskAddresses: addresses)
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.count > 50)
        return pair
    }

    /// The only address goes away; another one comes three seconds later, and nothing can be signaled.
    @Test func aNewAddressCarriesWithoutSignaling() throws {
        let (first, second) = (SocketAddress("10.1.0.2:40000")!, SocketAddress("10.1.0.3:40000")!)
        let pair = try connected(["10.1.0.2", "10.1.0.3"])
        pair.isSignalingUp = false
        pair.kiosk.session.removeLocalAddress(first, now: pair.simulation.now)
        pair.kiosk.session.removeLocalAddress(second, now: pair.simulation.now)
        #expect(pair.kiosk.session.selectedPath == nil)
        // The simulation fails a machine whose deadlines stay in the past.
        try pair.simulation.run(for: .seconds(3))
        let before = pair.monitor.video.count
        #expect(pair.kiosk.session.snapshot.sessionDrops[.withoutPath] > 80)
        #expect(pair.kiosk.session.snapshot.queued.bytes < 40_000)

        pair.kiosk.session.addLocalAddress(second, now: pair.simulation.now)
        let took = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.monitor.video.count > before })
        #expect(took < .milliseconds(500))
        // What was sent before and lost may come first.
        try pair.simulation.run(for: .milliseconds(200))
        #expect(pair.monitor.video[before...].prefix(3).contains { $0.isKeyframe })
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.monitor.video.count > before + 120)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    @Test func anotherInterfaceTakesOver() throws {
        let pair = try connected(["10.1.0.2", "10.1.0.3"])
        let before = pair.monitor.video.count
        let base = try #require(pair.kiosk.session.selectedPath?.base)
        pair.kiosk.session.removeLocalAddress(base, now: pair.simulation.now)
        let took = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.monitor.video.count > before + 5 })
        #expect(took < .seconds(1))
        #expect(pair.kiosk.session.selectedPath?.base != base)
    }

    /// Signaling is away for a minute: nobody notices.
    @Test func mediaOutlivesSignaling() throws {
        let pair = try connected(["10.1.0.2"])
        pair.isSignalingUp = false
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.monitor.video.count > before + 1750)
    }

    /// Names are asked for with the sockets that the driver has, and an answer is a candidate.
    @Test func aHiddenAddressIsAskedFor() throws {
        let now = Instant.zero
        var session = try PeerSession(
            PeerConfiguration(), wallClock: WallClock(secondsSince1970: 1_790_000_000), random: .seeded(1),
            now: now)
        let base = SocketAddress("10.1.0.2:40000")!
        let asking = SocketAddress("10.1.0.2:41000")!
        session.addLocalAddress(base, now: now)
        session.setNameSockets([asking], now: now)
        let offerer = try Pair().monitor
        var offer = try offerer.session.makeOffer(now: now)
        offer =
            offer.split(separator: "\r\n").filter { !$0.hasPrefix("a=candidate") }.joined(separator: "\r\n") + "\r\n"
        _ = try session.accept(offer: offer, now: now)
        session.addRemoteCandidate(
            "candidate:1 1 udp 2113937151 0b8e1b7c-2b3c-4a57-8a5e-1d3c5b7f9a11.local 50000 typ host", now: now)
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        let query = try #require(session.pollTransmit(into: &packet, now: now))
        #expect(query == Transmit(source: asking, destination: SocketAddress("224.0.0.251:5353")!))
        // The answer repeats the name of the question: 12 bytes of header, then the name up to type and class.
        let name = packet.bytes.copied()[12..<12 + 1 + 36 + 1 + 5 + 1]
        let answer: [UInt8] =
            [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0] + name + [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 10, 2, 0, 2]
        session.handleNameResponse(answer.span, from: SocketAddress("10.2.0.2:5353")!, now: now)
        packet.removeAll()
        let check = try #require(session.pollTransmit(into: &packet, now: now))
        #expect(check == Transmit(source: base, destination: SocketAddress("10.2.0.2:50000")!))
        // Nobody connects, so names may still come: the sockets stay.
        while let event = session.pollEvent() { if case .nameSocketsIdle = event { Issue.record("closed too early") } }
    }

    @Test func whatIsNoRelayStreamEndsIt() throws {
        var stream = try RelayStream(serverName: "turn.example", trust: nil)
        let (phase, hasOutgoing) = (stream.phase, stream.hasOutgoing)
        #expect(phase == .open && !hasOutgoing)
        stream.receive(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8).span)
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        let isFrame = stream.nextFrame(into: &packet)
        #expect(!isFrame)
        guard case .over = stream.phase else {
            Issue.record("still open")
            return
        }
        let isTaken = stream.send(Array("late".utf8).span)
        #expect(!isTaken)
    }

    @Test func aRelayStreamThatIsNotReadHoldsALimit() throws {
        var stream = try RelayStream(serverName: "turn.example", trust: nil)
        let frame = [UInt8](repeating: 0x40, count: 1204)
        var taken = 0
        while stream.send(frame.span) { taken += 1 }
        #expect(taken == RelayStream.maximumBacklog / frame.count)
        stream.sent(50_000)
        var left = stream.outgoing.count
        #expect(left == taken * frame.count - 50_000)
        let isTaken = stream.send(frame.span)
        #expect(isTaken)
        left = stream.outgoing.count
        stream.sent(left)
        let hasOutgoing = stream.hasOutgoing
        #expect(!hasOutgoing)
    }

    @Test func overTLSNothingLeavesBeforeTheHandshake() throws {
        let trust = try RelayTrust(authorities: nil)
        var stream = try RelayStream(serverName: "turn.example", trust: trust)
        var phase = stream.phase
        #expect(phase == .opening)
        let hello = stream.outgoing.copied()
        // A handshake record that names the server.
        #expect(hello.first == 22)
        #expect(String(decoding: hello, as: UTF8.self).contains("turn.example"))
        let isTaken = stream.send(Array("early".utf8).span)
        #expect(!isTaken)
        stream.close()
        phase = stream.phase
        #expect(phase == .over("closed here"))
    }
}
