import COpenSSL
import ICE
import Primitives
import STUN
import TestSupport
import Testing

@testable import Crypto
@testable import Peer

/// What later descriptions do to a session, and who may speak DTLS to it.
@Suite struct AssociationTests {
    private func playing() throws -> Pair {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.count > 50)
        return pair
    }

    /// The monitor's application dies without a word, starts again, and is given the same session.
    @Test func aMonitorThatBeginsAnew() throws {
        let pair = try playing()
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = true }
        let address = IPAddress("10.2.0.3")!
        let host = pair.simulation.network.addHost("again", addresses: [address])
        let again = try SimulatedPeer(
            role: .offerer, addresses: [SocketAddress(address: address, port: 50_001)], random: .seeded(99),
            now: pair.simulation.now)
        pair.simulation.attach(again, to: host, name: "again")
        let firstPicture = pair.kiosk.session.timeline.firstVideoPacketAt

        let offer = try again.session.makeOffer(now: pair.simulation.now)
        let answer = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        #expect(!pair.kiosk.isConnected)
        try again.session.accept(answer: answer, now: pair.simulation.now)
        let time = try #require(
            try pair.simulation.run(within: .seconds(5)) { again.isConnected && pair.kiosk.isConnected })
        #expect(time < .seconds(1), "\(time)")
        try pair.simulation.run(for: .seconds(2))
        #expect(again.video.count > 50)
        #expect(again.video.first?.isKeyframe == true && again.video.allSatisfy(\.isIntact))
        // Long after the old path's consent is over.
        try pair.simulation.run(for: .seconds(35))
        #expect(pair.kiosk.closeReason == nil && again.closeReason == nil)
        #expect(again.video.count > 1000)
        #expect(pair.kiosk.session.timeline.firstVideoPacketAt == firstPicture)
    }

    /// A browser whose page stops the transceiver that carried the bundle offers a restart, opens a new transport with the
    /// same certificate, and closes the association of the old one.
    @Test func aPeerThatMovesToAnotherTransport() throws {
        let pair = try playing()
        let before = pair.monitor.video.count
        try pair.offer()
        pair.monitor.session.keys.endpoint?.close(now: pair.simulation.now)
        try pair.simulation.driveBounded()
        pair.monitor.session.media.suspend()
        pair.monitor.session.keys.endpoint = try DTLSEndpoint(
            role: .server, borrowing: pair.monitor.session.keys.certificate)
        pair.monitor.session.phase = .connecting
        let time = try #require(
            try pair.simulation.run(within: .seconds(5)) {
                pair.monitor.video.count > before + 30 && pair.kiosk.isConnected
            })
        #expect(time < .seconds(3), "\(time)")
        let areIntact = pair.monitor.video.allSatisfy { $0.isIntact }
        #expect(areIntact)
        try pair.simulation.run(for: .seconds(40))
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
        #expect(pair.monitor.video.count > before + 1000)
    }

    /// It ends its association and says nothing more, though it still answers ICE's checks.
    @Test func aPeerThatOnlyClosesIsGiven5Seconds() throws {
        let pair = try playing()
        pair.monitor.session.keys.endpoint?.close(now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.closeReason == nil && !pair.kiosk.isConnected)
        let heard = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(3))
        #expect(pair.kiosk.closeReason == nil && pair.monitor.video.count == heard)
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.kiosk.closeReason == .closedByPeer)
        #expect(pair.kiosk.closeReason?.errorCode == "dtls-failed")
    }

    /// A program that is stopped says goodbye, and the one that is started in its place offers.
    @Test func anOfferAfterTheGoodbyeIsAnswered() throws {
        let pair = try playing()
        pair.monitor.session.close(now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(3))
        #expect(pair.kiosk.closeReason == nil)
        let address = IPAddress("10.2.0.3")!
        let host = pair.simulation.network.addHost("again", addresses: [address])
        let again = try SimulatedPeer(
            role: .offerer, addresses: [SocketAddress(address: address, port: 50_001)], random: .seeded(99),
            now: pair.simulation.now)
        pair.simulation.attach(again, to: host, name: "again")
        let offer = try again.session.makeOffer(now: pair.simulation.now)
        let answer = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        try again.session.accept(answer: answer, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(10))
        #expect(again.video.count > 100 && pair.kiosk.closeReason == nil)
    }

    /// Fifteen bytes with the peer's address as their source.
    @Test func aForgedShortRecord() throws {
        let pair = try playing()
        let selected = pair.kiosk.session.selectedPath
        let path = try #require(selected)
        var packet = PacketBuffer([21, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40] as [UInt8])
        pair.kiosk.session.handle(&packet, from: path.remote, local: path.base, now: pair.simulation.now)
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.kiosk.closeReason == nil && pair.monitor.video.count > before + 50)
        #expect(pair.kiosk.session.snapshot.dropped["dtlsShortRecord"] == 1)
    }

    /// A message of a data channel, which nobody takes, and behind it the end of the association.
    @Test func applicationDataIsDropped() throws {
        let pair = try playing()
        let handle = pair.monitor.session.keys.endpoint?.ssl
        let ssl = try #require(handle)
        let message = [UInt8](repeating: 7, count: 200)
        #expect(SSL_write(ssl, message, 200) == 200 && SSL_write(ssl, message, 200) == 200)
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.kiosk.session.snapshot.dropped["dtlsApplicationData"] == 2)
        #expect(pair.kiosk.isConnected && pair.monitor.video.count > before + 50)
        #expect(SSL_write(ssl, message, 200) == 200)
        pair.monitor.session.keys.endpoint?.close(now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.session.drops[.dtlsApplicationData] == 3 && !pair.kiosk.isConnected)
    }

    /// The keys that were exported are as good as before: what goes wrong with DTLS afterwards, a forged record's doing
    /// perhaps, ends nothing. The peer's consent does.
    @Test func aFailureAfterTheHandshakeDoesNotEndMedia() throws {
        let pair = try playing()
        pair.kiosk.session.handle(DTLSEvent.failed(.timedOut), now: pair.simulation.now)
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.kiosk.closeReason == nil && pair.kiosk.isConnected)
        #expect(pair.monitor.video.count > before + 1500)
        let areIntact = pair.monitor.video.allSatisfy { $0.isIntact }
        #expect(areIntact)
        #expect(pair.kiosk.session.snapshot.dropped["associationFailed"] == 1)
        // Another offer is answered as ever.
        try pair.offer()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.kiosk.isConnected)
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(35))
        #expect(pair.kiosk.closeReason == .consentExpired)
    }

    /// During the handshake the same is the end: there are no keys.
    @Test func aFailureInTheHandshakeEndsTheSession() throws {
        let pair = try Pair()
        try pair.offer()
        _ = try #require(try pair.simulation.run(within: .seconds(5)) { pair.kiosk.session.selectedPath != nil })
        #expect(!pair.kiosk.isConnected)
        pair.kiosk.session.handle(DTLSEvent.failed(.timedOut), now: pair.simulation.now)
        pair.kiosk.settle(now: pair.simulation.now)
        #expect(pair.kiosk.closeReason?.errorCode == "dtls-failed")
    }

    /// Nothing of an offer that is refused is taken over.
    @Test func aRefusedRestartRestartsNothing() throws {
        let pair = try playing()
        let credentials = pair.kiosk.session.ice.value.localCredentials
        let lines = try pair.monitor.session.makeOffer(now: pair.simulation.now).components
        let lastSection = try #require(lines.lastIndex { $0.hasPrefix("m=") })
        let smaller = lines[..<lastSection].joined(separator: "\r\n") + "\r\n"
        #expect(throws: PeerError.self) {
            try pair.kiosk.session.accept(offer: smaller, now: pair.simulation.now)
        }
        #expect(pair.kiosk.session.ice.value.localCredentials == credentials)
        #expect(pair.kiosk.session.ice.value.remoteCredentials != nil)
    }

    /// The description's grammar is a little wider than the standard's, and the agent's the same.
    @Test func credentialsWithOtherCharacters() throws {
        let pair = try Pair()
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now).components.map { line in
            line.hasPrefix("a=ice-ufrag:") ? "a=ice-ufrag:ab-_=d" : line
        }.joined(separator: "\r\n")
        _ = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        #expect(pair.kiosk.session.ice.value.remoteCredentials?.usernameFragment == "ab-_=d")
    }

    /// An answer to an ICE restart holds the candidates; they do not come a second time by themselves.
    @Test func whatTheAnswerAnnouncesDoesNotTrickle() throws {
        let pair = try playing()
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now).components
            .filter { !$0.hasPrefix("a=candidate:") }.joined(separator: "\r\n")
        let before = pair.kiosk.events.count
        let answer = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        #expect(answer.components.contains { $0.hasPrefix("a=candidate:") })
        pair.kiosk.settle(now: pair.simulation.now)
        for event in pair.kiosk.events[before...] {
            if case .localCandidate(let text, _, _) = event { Issue.record("\(text)") }
        }
    }

    /// A fatal alert in plain text from somewhere else, while the handshake is under way.
    @Test func aStrangersAlert() throws {
        let pair = try Pair()
        try pair.offer()
        _ = try #require(try pair.simulation.run(within: .seconds(5)) { pair.kiosk.session.selectedPath != nil })
        let base = try #require(pair.kiosk.session.selectedPath?.base)
        #expect(!pair.kiosk.isConnected)
        let alert: [UInt8] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40]
        var packet = PacketBuffer(alert)
        pair.kiosk.session.handle(
            &packet, from: SocketAddress("203.0.113.66:4433")!, local: base, now: pair.simulation.now)
        #expect(pair.kiosk.session.drops[.dtlsFromStranger] == 1)
        #expect(
            try pair.simulation.run(within: .seconds(5)) { pair.kiosk.isConnected && pair.monitor.isConnected } != nil)
    }

    /// The only interface goes away, and nothing comes in its place.
    @Test func aSessionWithoutAnAddressEnds() throws {
        let pair = try playing()
        pair.stopMedia()
        try pair.simulation.run(for: .seconds(60))
        pair.isSignalingUp = false
        pair.kiosk.session.removeLocalAddress(SocketAddress("10.1.0.2:40000")!, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(31))
        #expect(pair.kiosk.closeReason == .consentExpired)
    }

    /// What every machine of a session drops can be read.
    @Test func dropsOfEveryMachine() throws {
        let pair = try playing()
        let selected = pair.kiosk.session.selectedPath
        let path = try #require(selected)
        var packet = PacketBuffer([22, 1, 2, 3] as [UInt8])
        pair.kiosk.session.handle(&packet, from: path.remote, local: path.base, now: pair.simulation.now)
        pair.kiosk.session.handleNameResponse(
            ([0, 0, 0x84] as [UInt8]).span, from: SocketAddress("10.1.0.9:5354")!, now: pair.simulation.now)
        let dropped = pair.kiosk.session.snapshot.dropped
        #expect(dropped["dtlsMalformedRecord"] == 1)
        #expect(dropped["mdnsWrongPort"] == 1)
    }

    @Test func aReportForTheLogTellsNoAddress() throws {
        let pair = try playing()
        let report = pair.kiosk.session.statsReport
        let text = report.loggable.description
        #expect(text.contains("outbound-video: kind=video") && text.contains("framesSent="))
        #expect(text.contains("candidateType=host"))
        #expect("\(report)".contains("address=10.1.0.2") && !text.contains("10.1.0.2"))
        #expect(!text.contains(pair.kiosk.session.ice.value.localCredentials.usernameFragment))
    }
}

extension String {
    /// The lines of a description.
    fileprivate var components: [String] { split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init) }
}
