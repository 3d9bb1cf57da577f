import Crypto
import FuzzBodies
import ICE
import Primitives
import TestSupport
import Testing

@testable import Peer

/// DTLS as a session sees it. What the association itself does is in CryptoTests.
@Suite struct SecurityTests {
    private func connect(_ pair: borrowing Pair, offer: String) throws {
        let answer = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        try pair.monitor.session.accept(answer: answer, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(5))
    }

    private func offer(_ pair: borrowing Pair, fingerprint line: String) throws -> String {
        try pair.monitor.session.makeOffer(now: pair.simulation.now).split(
            separator: "\r\n", omittingEmptySubsequences: false
        ).map { $0.hasPrefix("a=fingerprint:") ? "a=fingerprint:\(line)" : String($0) }.joined(separator: "\r\n")
    }

    @Test(arguments: [Fingerprint.Algorithm.sha256, .sha384, .sha512])
    func everyHashOfTheCertificate(algorithm: Fingerprint.Algorithm) throws {
        let pair = try Pair()
        let fingerprint = pair.monitor.session.keys.certificate.fingerprint(algorithm)
        try connect(pair, offer: try offer(pair, fingerprint: fingerprint.text))
        #expect(pair.kiosk.isConnected && pair.monitor.isConnected)
    }

    @Test(arguments: [Fingerprint.Algorithm.sha384, .sha512])
    func aLongHashOfAnotherCertificate(algorithm: Fingerprint.Algorithm) throws {
        let pair = try Pair()
        let fingerprint = pair.kiosk.session.keys.certificate.fingerprint(algorithm)
        try connect(pair, offer: try offer(pair, fingerprint: fingerprint.text))
        #expect(pair.kiosk.closeReason == .fingerprintMismatch)
    }

    /// ICE works and DTLS is swallowed: fifteen seconds after its beginning the session ends, and says why; as the server,
    /// which never hears of it, too.
    @Test(arguments: ["a=setup:actpass", "a=setup:active"])
    func aHandshakeThatNobodyAnswers(setup: String) throws {
        let pair = try Pair()
        let began = pair.simulation.now
        let offer = try pair.monitor.session.makeOffer(now: began).split(
            separator: "\r\n", omittingEmptySubsequences: false
        ).map { $0.hasPrefix("a=setup:") ? setup : String($0) }.joined(separator: "\r\n")
        let answer = try pair.kiosk.session.accept(offer: offer, now: began)
        try pair.monitor.session.accept(answer: answer, now: began)
        var (kiosk, monitor) = (Queue(), Queue())
        var now = began
        var reason: PeerCloseReason?
        for _ in 0..<50_000 where reason == nil {
            kiosk.exchange(&pair.kiosk.session, &pair.monitor.session, now: now)
            monitor.exchange(&pair.monitor.session, &pair.kiosk.session, now: now)
            while let event = pair.kiosk.session.pollEvent() { if case .closed(let why) = event { reason = why } }
            guard let wake = Wake.earliest(pair.kiosk.session.nextTimeout, pair.monitor.session.nextTimeout) else {
                break
            }
            now = max(now, wake.at)
            pair.kiosk.session.handleTimeout(now: now)
            pair.monitor.session.handleTimeout(now: now)
        }
        #expect(reason?.errorCode == "dtls-failed")
        guard case .dtlsFailed(let text) = reason else {
            Issue.record("\(String(describing: reason))")
            return
        }
        #expect(text.contains("timedOut"))
        #expect(now - began >= .seconds(15) && now - began < .seconds(16))
    }

    /// Carries everything but DTLS.
    private struct Queue {
        var swallowed = 0

        mutating func exchange(_ from: inout PeerSession, _ to: inout PeerSession, now: Instant) {
            var packet = PacketBuffer(capacity: PacketPool.slotSize)
            while let transmit = from.pollTransmit(into: &packet, now: now) {
                if (20...63).contains(packet.bytes[0]) {
                    swallowed += 1
                } else {
                    to.handle(&packet, from: transmit.source, local: transmit.destination, now: now)
                }
                packet.removeAll()
            }
        }
    }

    /// The peer says that it is lite, so that both control until a conflict settles who does (RFC 8445 section 7.3.1.1).
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func twoThatControl(seed: UInt64) throws {
        let pair = try Pair(seed: seed)
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now)
        try connect(pair, offer: offer.replacing("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"))
        #expect(pair.kiosk.isConnected && pair.monitor.isConnected)
        #expect(pair.kiosk.session.selectedPath?.isNominated == true)
    }
}

extension String {
    fileprivate func replacing(_ text: String, _ replacement: String) -> String {
        guard let range = firstRange(of: text) else { return self }
        return replacingCharacters(range, replacement)
    }

    private func firstRange(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }

    private func replacingCharacters(_ range: Range<String.Index>, _ replacement: String) -> String {
        String(self[..<range.lowerBound]) + replacement + String(self[range.upperBound...])
    }
}

@Suite struct PeerFuzzTests {
    @Test func sequencesOfOperations() {
        var random = RandomSource.seeded(5)
        let noise = (0..<4).map { _ in (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: Fuzzing.seeds("peerSession") + noise, mutations: 150, maximumLength: 400) {
            FuzzBody.peerSession.run($0)
        }
    }

    @Test func hostileReports() {
        var random = RandomSource.seeded(6)
        let noise = (0..<2).map { _ in (0..<400).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: noise, mutations: 60, maximumLength: 600) { FuzzBody.hostileMonitor.run($0) }
    }
}
