import COpenSSL
import Primitives
import Testing

@testable import Crypto

@Suite struct DTLSEndpointTests {
    static let start = Instant(nanoseconds: 5_000_000_000)

    @Test(arguments: SRTPProfile.allCases)
    func handshakeYieldsTheSameKeysOnBothSides(profile: SRTPProfile) throws {
        var pair = try DTLSPair(clientProfiles: [profile])
        pair.client.start(now: Self.start)
        #expect(pair.client.nextTimeout?.reason == .dtlsRetransmission)
        pair.exchange(now: Self.start)
        let client = try #require(pair.clientEvents.first?.result)
        let server = try #require(pair.serverEvents.first?.result)
        #expect(client.profile == profile && server.profile == profile)
        #expect(client.localKey.key == server.remoteKey.key && client.localKey.salt == server.remoteKey.salt)
        #expect(client.remoteKey.key == server.localKey.key && client.remoteKey.salt == server.localKey.salt)
        #expect(client.localKey.key != client.remoteKey.key)
        #expect(client.peerCertificateDER == pair.serverCertificate)
        #expect(server.peerCertificateDER == pair.clientCertificate)
        #expect(client.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256")
        #expect(pair.sizes.allSatisfy { $0 <= DTLSEndpoint.maximumDatagram })
        let (clientWake, serverWake) = (pair.client.nextTimeout, pair.server.nextTimeout)
        #expect(clientWake == nil && serverWake == nil)
        let (clientPhase, serverPhase) = (pair.client.phase, pair.server.phase)
        #expect(clientPhase == .connected && serverPhase == .connected)
    }

    @Test func theServersOrderOfProfilesDecides() throws {
        var pair = try DTLSPair(clientProfiles: [.aes128CounterModeSHA1Tag80, .aeadAES256GCM, .aeadAES128GCM])
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start)
        #expect(pair.serverEvents.first?.result?.profile == .aeadAES128GCM)
    }

    @Test(arguments: [true, false])
    func peersWithRSA(clientHasIt: Bool) throws {
        var pair = try DTLSPair(
            clientKey: clientHasIt ? .rsa2048 : .ecdsaP256, serverKey: clientHasIt ? .ecdsaP256 : .rsa2048)
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start)
        #expect(pair.serverEvents.first?.result?.peerCertificateDER == pair.clientCertificate)
        #expect(pair.clientEvents.first?.result?.peerCertificateDER == pair.serverCertificate)
    }

    @Test func withoutACommonProfileBothFail() throws {
        var pair = try DTLSPair(clientProfiles: [.aeadAES256GCM], serverProfiles: [.aes128CounterModeSHA1Tag80])
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start)
        #expect(pair.clientEvents.first?.failure == .noProtectionProfile)
        #expect(pair.serverEvents.first?.failure == .noProtectionProfile)
    }

    /// All in one datagram: each is taken by itself, and what stands behind a message is read after it.
    @Test func messagesAreTakenInOrder() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start)
        let ssl = pair.client.ssl
        let messages = [[UInt8](repeating: 1, count: 300), [2]]
        for message in messages { #expect(SSL_write(ssl, message, Int32(message.count)) == message.count) }
        pair.client.close(now: Self.start)
        let datagrams = DTLSPair.drain(&pair.client)
        #expect(datagrams.count == 1)
        for datagram in datagrams { pair.server.handle(datagram.span, now: Self.start) }
        let early = pair.server.pollEvent()
        #expect(early == nil)
        var packet = PacketBuffer(capacity: 1500)
        var taken: [[UInt8]] = []
        while pair.server.nextMessage(into: &packet) { taken.append(packet.bytes.copied()) }
        #expect(taken == messages)
        let end = pair.server.pollEvent()
        #expect(end?.isClosedByPeer == true)
    }

    @Test func closeReachesThePeer() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start)
        pair.server.close(now: Self.start)
        pair.exchange(now: Self.start)
        #expect(pair.clientEvents.count == 2 && pair.clientEvents[1].isClosedByPeer)
        let phase = pair.client.phase
        #expect(phase == .closed)
        pair.client.handle([22, 254, 253].span, now: Self.start)
        #expect(pair.client.drops[.afterEnd] >= 1)
    }

    @Test func aSilentPeerEndsAtTheDeadline() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        var now = Self.start
        var wakes = 0
        while let wake = pair.client.nextTimeout {
            #expect(wake.at > now)
            now = wake.at
            pair.client.handleTimeout(now: now)
            _ = DTLSPair.drain(&pair.client)
            wakes += 1
            try #require(wakes < 20_000)
        }
        let failure = pair.client.pollEvent()?.failure
        #expect(failure == .timedOut)
        #expect(now == Self.start + DTLSEndpoint.handshakeDeadline)
    }

    // A browser's hello comes in two datagrams: here the client's own is cut into fragments (RFC 6347 section 4.2.3).
    @Test(arguments: [false, true])
    func fragmentedClientHello(reversed: Bool) throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start) { fromClient, datagram in
            guard fromClient else { return [datagram] }
            guard datagram[0] == 22, datagram[13] == 1 else { return [Self.renumbered(datagram)] }
            let fragments = Self.fragments(ofHandshakeRecord: datagram, size: 60)
            #expect(fragments.count >= 3)
            return reversed ? fragments.reversed() : fragments
        }
        #expect(pair.serverEvents.first?.result != nil)
        #expect(pair.clientEvents.first?.result != nil)
    }

    /// The client does not know of the records that cutting added: its later plaintext ones get numbers beyond them.
    static func renumbered(_ datagram: [UInt8]) -> [UInt8] {
        var changed = datagram
        var offset = 0
        while offset < datagram.count {
            if datagram[offset + 4] == 0 { changed[offset + 10] += 100 }
            offset += 13 + Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
        }
        return changed
    }

    static func fragments(ofHandshakeRecord record: [UInt8], size: Int) -> [[UInt8]] {
        let message = Array(record[13...])
        let body = Array(message[12...])
        return stride(from: 0, to: body.count, by: size).enumerated().map { index, offset in
            let part = body[offset..<min(offset + size, body.count)]
            var handshake = Array(message[0..<6])
            handshake += [0, UInt8(offset >> 8), UInt8(offset & 255), 0, 0, UInt8(part.count)] + part
            var fragment = Array(record[0..<13])
            fragment[10] = UInt8(index)
            fragment[11] = UInt8(handshake.count >> 8)
            fragment[12] = UInt8(handshake.count & 255)
            return fragment + handshake
        }
    }

    @Test func recordsOfOneFlightMayShareADatagram() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        var records = 0
        pair.exchange(now: Self.start) { _, datagram in
            var offset = 0
            while offset < datagram.count {
                offset += 13 + Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
                records += 1
            }
            #expect(offset == datagram.count)
            return [datagram]
        }
        #expect(records > pair.sizes.count)
    }

    @Test func theHelloIsRepeatedForAServerThatDidNotHearIt() throws {
        var pair = try DTLSPair()
        pair.client.repeatHello()
        #expect(DTLSPair.drain(&pair.client).isEmpty)
        pair.client.start(now: .zero)
        let lost = DTLSPair.drain(&pair.client)
        #expect(lost.count == 1)
        pair.client.repeatHello()
        pair.client.repeatHello()
        let again = DTLSPair.drain(&pair.client)
        #expect(again == lost)
        for datagram in again { pair.server.handle(datagram.span, now: .zero) }
        pair.exchange(now: .zero)
        #expect(pair.clientEvents.contains { $0.result != nil } && pair.serverEvents.contains { $0.result != nil })
        // The server has been heard: nothing is left to repeat.
        pair.client.repeatHello()
        #expect(DTLSPair.drain(&pair.client).isEmpty)
    }

    @Test func duplicatedAndReorderedDatagrams() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        var held: [UInt8]?
        pair.exchange(now: Self.start) { _, datagram in
            defer { held = datagram }
            return [datagram, datagram] + (held.map { [$0] } ?? [])
        }
        #expect(pair.serverEvents.first?.result != nil)
        #expect(pair.clientEvents.first?.result != nil)
        #expect(pair.serverEvents.count == 1 && pair.clientEvents.count == 1)
    }

    @Test func garbageIsCountedAndHarmless() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        let garbage: [[UInt8]] = [
            [], [22], [22, 254], Array(repeating: 0xFF, count: 100), Array(repeating: 22, count: 1200),
            [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1], Array(repeating: 0, count: 3000),
        ]
        pair.exchange(now: Self.start) { _, datagram in garbage + [datagram + [1, 2, 3]] }
        #expect(pair.serverEvents.first?.result != nil)
        #expect(pair.server.drops[.malformedRecord] > 0 && pair.server.drops[.oversized] > 0)
    }

    private static func record(type: UInt8, epoch: UInt8, _ fragment: [UInt8]) -> [UInt8] {
        [type, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 9, UInt8(fragment.count >> 8), UInt8(fragment.count & 255)] + fragment
    }

    /// Anybody can write the header of a protected record; what follows is too short for a nonce and a tag.
    @Test(arguments: [UInt8](20...25))
    func shortProtectedRecordsEndNothing(type: UInt8) throws {
        let forged = (0..<24).map { Self.record(type: type, epoch: 1, Array(repeating: 7, count: $0)) }
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start) { _, datagram in forged + [datagram] + forged }
        #expect(pair.clientEvents.count == 1 && pair.clientEvents.first?.result != nil)
        #expect(pair.serverEvents.count == 1 && pair.serverEvents.first?.result != nil)
        for datagram in forged {
            pair.client.handle(datagram.span, now: Self.start)
            pair.server.handle((datagram + datagram).span, now: Self.start)
        }
        // Long enough, and not authentic.
        for size in [24, 25, 40, 200] {
            let datagram = Self.record(type: type, epoch: 1, Array(repeating: 7, count: size))
            pair.client.handle(datagram.span, now: Self.start)
            pair.server.handle(datagram.span, now: Self.start)
        }
        let (client, server) = (pair.client.phase, pair.server.phase)
        #expect(client == .connected && server == .connected)
        #expect(pair.client.drops[.shortRecord] >= 24 && pair.server.drops[.shortRecord] >= 48)
        pair.exchange(now: Self.start)
        #expect(pair.clientEvents.count == 1 && pair.serverEvents.count == 1)
        pair.server.close(now: Self.start)
        pair.exchange(now: Self.start)
        #expect(pair.clientEvents.last?.isClosedByPeer == true)
    }

    /// Fatal and close_notify, before, between and behind the records of the handshake.
    @Test(arguments: [[2, 40], [2, 80], [1, 0], [2], []] as [[UInt8]])
    func unprotectedAlertsEndNothing(alert: [UInt8]) throws {
        let forged = Self.record(type: 21, epoch: 0, alert)
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start) { _, datagram in [forged, forged + datagram, forged] }
        #expect(pair.clientEvents.count == 1 && pair.clientEvents.first?.result != nil)
        #expect(pair.serverEvents.count == 1 && pair.serverEvents.first?.result != nil)
        pair.client.handle(forged.span, now: Self.start)
        #expect(pair.client.drops[.unprotectedAlert] > 3 && pair.server.drops[.unprotectedAlert] > 3)
    }

    @Test func anAlertThatNothingFollowsIsNamedAtTheDeadline() throws {
        var pair = try DTLSPair()
        pair.client.start(now: Self.start)
        pair.client.handle(Self.record(type: 21, epoch: 0, [2, 40]).span, now: Self.start)
        let early = pair.client.pollEvent()
        #expect(early == nil)
        pair.client.handleTimeout(now: Self.start + DTLSEndpoint.handshakeDeadline)
        let failure = pair.client.pollEvent()?.failure
        #expect(failure == .timedOutAfterAlert(40))
    }

    @Test func aServerIsNotStartedByWhatItDrops() throws {
        var pair = try DTLSPair()
        pair.server.handle(Self.record(type: 21, epoch: 0, [2, 40]).span, now: Self.start)
        pair.server.handle(Self.record(type: 23, epoch: 1, [1, 2]).span, now: Self.start)
        let phase = pair.server.phase
        #expect(phase == .idle)
        pair.client.start(now: Self.start)
        pair.exchange(now: Self.start)
        #expect(pair.serverEvents.first?.result != nil)
    }

    @Test func aClientIgnoresWhatComesBeforeItsStart() throws {
        var pair = try DTLSPair()
        pair.client.handle([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].span, now: Self.start)
        let phase = pair.client.phase
        #expect(phase == .idle)
        #expect(pair.client.drops[.malformedRecord] == 1)
    }
}
