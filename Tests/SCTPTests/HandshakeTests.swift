import Primitives
import TestSupport
import Testing

@testable import SCTP

/// How associations begin and end, packet by packet (RFC 9260 sections 5, 8 and 9).
@Suite struct HandshakeTests {
    @Test func theSideThatStartsSendsINITAndThenTheCookie() {
        var lone = Lone()
        lone.association.start(now: lone.now)
        let first = lone.next()!
        #expect(first.tag == 0)
        #expect(first.types == [1])
        #expect(first.checksum != 0)
        let value = first.chunks[0].value
        #expect(number(value, at: 4) == 1 << 20)
        #expect(Array(value[8..<12]) == [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(Array(value[16...]) == Lone.extensions)
        #expect(lone.next() == nil)
        lone.tag = number(value, at: 0)
        lone.receive(
            checksummed: true,
            Packet.chunk(
                2,
                big(7 as UInt32) + big(5000 as UInt32) + big(10 as UInt16) + big(9 as UInt16) + big(1 as UInt32) + [
                    0, 7, 0, 7, 1, 2, 3,
                ]))
        let echo = lone.next()!
        #expect(echo.tag == 7)
        #expect(echo.chunks == [Packet.Chunk(type: 10, flags: 0, value: [1, 2, 3])])
        #expect(echo.checksum != 0)
        #expect(!lone.association.isEstablished)
        lone.receive(Packet.chunk(11))
        #expect(lone.events() == [.established])
        #expect(lone.association.outgoingStreams == 9)
    }

    @Test func initAndCookieAreSentAgainAndThenGivenUp() {
        var lone = Lone()
        lone.association.start(now: lone.now)
        var sent = 0
        while !lone.association.hasEnded {
            if let packet = lone.next() {
                #expect(packet.types == [1])
                sent += 1
            }
            #expect(lone.waitForTimeout() == .sctpHandshake)
        }
        #expect(sent == 11)
        #expect(lone.events() == [.ended(.handshakeTimedOut)])
        #expect(lone.association.nextTimeout == nil)
    }

    @Test func aSideThatWasNotStartedAnswersAndKeepsNothing() {
        var lone = Lone()
        let initiation = Packet.chunk(
            1, big(7 as UInt32) + big(5000 as UInt32) + [0, 5, 0, 6] + big(100 as UInt32) + Lone.extensions)
        for _ in 0..<3 { lone.receive(bytes: Packet.bytes(tag: 0, checksummed: true, initiation)) }
        let answers = lone.all()
        #expect(answers.map(\.types) == [[2], [2], [2]])
        #expect(lone.association.nextTimeout == nil)
        let value = answers[0].chunks[0].value
        #expect(answers[0].tag == 7)
        #expect(Array(value[16..<20]) == [0, 7, 0, 84])
        let cookie = Array(value[20..<100])
        lone.receive(
            bytes: Packet.bytes(
                tag: number(value, at: 0), checksummed: true, Packet.chunk(10, cookie), Packet.data(100, [1])))
        #expect(
            lone.events() == [
                .established,
                .message(
                    AssociationMessage(stream: StreamID(0), payloadProtocol: .binary, isUnordered: false, bytes: [1])),
            ])
        #expect(lone.association.outgoingStreams == 6)
        let ack = lone.next()!
        #expect(ack.types == [11])
        #expect(ack.tag == 7)
        // The acknowledgement was lost: it comes again, and nothing else happens.
        lone.receive(bytes: Packet.bytes(tag: number(value, at: 0), checksummed: true, Packet.chunk(10, cookie)))
        #expect(lone.next()?.types.first == 11)
        #expect(lone.events().isEmpty)
    }

    @Test func aForgedOrOldCookieIsNoAssociation() {
        var lone = Lone()
        lone.receive(
            bytes: Packet.bytes(
                tag: 0, checksummed: true,
                Packet.chunk(1, big(7 as UInt32) + big(5000 as UInt32) + [0, 5, 0, 6] + big(100 as UInt32))))
        let value = lone.next()!.chunks[0].value
        let (tag, cookie) = (number(value, at: 0), Array(value[20..<100]))
        for index in [0, 5, 20, 47, 48, 79] {
            var forged = cookie
            forged[index] ^= 1
            lone.receive(bytes: Packet.bytes(tag: tag, checksummed: true, Packet.chunk(10, forged)))
        }
        lone.receive(bytes: Packet.bytes(tag: tag &+ 1, checksummed: true, Packet.chunk(10, cookie)))
        lone.receive(bytes: Packet.bytes(tag: tag, checksummed: true, Packet.chunk(10, Array(cookie.dropLast()))))
        #expect(lone.dropped(.cookieInvalid) == 8)
        lone.now += .seconds(61)
        lone.receive(bytes: Packet.bytes(tag: tag, checksummed: true, Packet.chunk(10, cookie)))
        #expect(lone.dropped(.cookieStale) == 1)
        let error = lone.next()![.error]!
        #expect(error.value == [0, 3, 0, 8] + big(1_000_000 as UInt32))
        #expect(lone.events().isEmpty)
    }

    @Test func aStaleCookieMakesANewINIT() {
        var lone = Lone()
        lone.association.start(now: lone.now)
        lone.tag = number(lone.next()!.chunks[0].value, at: 0)
        lone.receive(
            checksummed: true,
            Packet.chunk(
                2, big(7 as UInt32) + big(5000 as UInt32) + [0, 5, 0, 6] + big(1 as UInt32) + [0, 7, 0, 8, 1, 2, 3, 4]))
        #expect(lone.next()?.types == [10])
        lone.receive(Packet.chunk(9, [0, 3, 0, 8, 0, 0, 0, 9]))
        #expect(lone.next()?.types == [1])
    }

    @Test func aPeerThatBeganAnewGetsANewAssociation() {
        var lone = Lone.established()
        lone.send(10)
        _ = lone.all()
        lone.receive(
            bytes: Packet.bytes(
                tag: 0, checksummed: true,
                Packet.chunk(
                    1, big(9 as UInt32) + big(5000 as UInt32) + [0, 5, 0, 6] + big(50 as UInt32) + Lone.extensions)))
        let answer = lone.next()!
        #expect(answer.tag == 9)
        let value = answer.chunks[0].value
        #expect(number(value, at: 0) != lone.tag)
        // Nothing has changed yet.
        lone.receive(Packet.data(lone.peerTSN, [1]))
        #expect(lone.messages() == [[1]])
        lone.receive(
            bytes: Packet.bytes(tag: number(value, at: 0), checksummed: true, Packet.chunk(10, Array(value[20..<100]))))
        #expect(lone.events() == [.restarted])
        lone.tag = number(value, at: 0)
        let ack = lone.next()!
        #expect(ack.tag == 9)
        #expect(ack.types == [11])
        lone.receive(Packet.data(50, [2]))
        #expect(lone.messages() == [[2]])
        lone.send(20)
        #expect(lone.all().flatMap(\.numbers) == [number(value, at: 12)])
    }

    @Test func anINITThatIsNoneIsDropped() {
        var lone = Lone()
        func initiation(_ tag: UInt32, window: UInt32 = 5000, outgoing: UInt16 = 1, incoming: UInt16 = 1) -> [UInt8] {
            Packet.chunk(1, big(tag) + big(window) + big(outgoing) + big(incoming) + big(0 as UInt32))
        }
        lone.receive(bytes: Packet.bytes(tag: 0, checksummed: true, initiation(0)))
        lone.receive(bytes: Packet.bytes(tag: 0, checksummed: true, initiation(5, window: 1499)))
        lone.receive(bytes: Packet.bytes(tag: 5, checksummed: true, initiation(5)))
        lone.receive(bytes: Packet.bytes(tag: 0, checksummed: true, initiation(5), Packet.chunk(11)))
        #expect(lone.dropped(.initiationInvalid) == 4)
        lone.receive(bytes: Packet.bytes(tag: 0, initiation(5)))
        #expect(lone.dropped(.checksumInvalid) == 1)
        #expect(lone.next() == nil)
        lone.receive(bytes: Packet.bytes(tag: 0, checksummed: true, initiation(5, incoming: 0)))
        let abort = lone.next()!
        #expect(abort.tag == 5)
        #expect(abort[.abort]?.value == [0, 7, 0, 4])
    }

    @Test func anINITACKWithoutTagOrCookieEndsTheAssociation() {
        for (tag, cookie, cause) in [
            (0, [0, 7, 0, 5, 1], ErrorCause.invalidMandatoryParameter), (5, [], .missingMandatoryParameter),
        ] as [(UInt32, [UInt8], ErrorCause)] {
            var lone = Lone()
            lone.association.start(now: lone.now)
            lone.tag = number(lone.next()!.chunks[0].value, at: 0)
            lone.receive(
                checksummed: true,
                Packet.chunk(2, big(tag) + big(5000 as UInt32) + [0, 5, 0, 6] + big(1 as UInt32) + cookie))
            #expect(lone.events() == [.ended(.peerViolation(cause))])
        }
    }

    @Test func unknownParametersAreReportedByTheirHighBits() {
        var lone = Lone()
        // Skipped; skipped and reported; stopped and reported, so that what is behind is not read.
        let parameters: [UInt8] = [0x85, 0, 0, 4, 0xC5, 0, 0, 5, 1, 0, 0, 0, 0x45, 0, 0, 4, 0xC6, 0, 0, 4]
        lone.receive(
            bytes: Packet.bytes(
                tag: 0, checksummed: true,
                Packet.chunk(
                    1, big(7 as UInt32) + big(5000 as UInt32) + [0, 5, 0, 6] + big(100 as UInt32) + parameters)))
        let value = lone.next()!.chunks[0].value
        #expect(Array(value.suffix(20)) == [0, 8, 0, 9, 0xC5, 0, 0, 5, 1, 0, 0, 0, 0, 8, 0, 8, 0x45, 0, 0, 4])
    }

    @Test func shutdownSendsWhatWasTakenAndThenEnds() {
        var lone = Lone.established()
        lone.send(10)
        lone.association.shutdown(now: lone.now)
        #expect(throws: SendRefusal.associationEnded) {
            try lone.association.send([1], on: StreamID(0), .binary, now: lone.now)
        }
        #expect(lone.next()?.types == [0])
        #expect(lone.next() == nil)
        lone.receive(Packet.sack(lone.tsn))
        #expect(lone.next()?.types == [7])
        // Data that come now are told at once, with SHUTDOWN once more.
        lone.receive(Packet.data(lone.peerTSN, [1]))
        #expect(lone.next()?.types == [7, 3])
        #expect(lone.waitForTimeout() == .sctpHandshake)
        #expect(lone.next()?.types == [7])
        lone.receive(Packet.chunk(8))
        #expect(lone.next()?.types == [14])
        #expect(lone.events().last == .ended(.shutdown))
    }

    @Test func thePeersShutdownIsAnsweredWhenAllHasArrived() {
        var lone = Lone.established()
        lone.send(10)
        #expect(lone.next()?.types == [0])
        lone.receive(Packet.chunk(7, big(lone.tsn &- 1)))
        #expect(lone.next() == nil)
        lone.receive(Packet.chunk(7, big(lone.tsn)))
        #expect(lone.next()?.types == [8])
        lone.receive(Packet.chunk(14))
        #expect(lone.events().last == .ended(.shutdown))
    }

    @Test func abortsAreToldBothWays() {
        var lone = Lone.established()
        lone.receive(Packet.chunk(6, [0, 12, 0, 4]))
        #expect(lone.events() == [.ended(.abortedByPeer(.userInitiatedAbort))])
        #expect(lone.next() == nil)
        // What comes afterwards is answered by ABORT with the tag that it had.
        lone.receive(Packet.data(lone.peerTSN, [1]))
        let abort = lone.next()!
        #expect(abort.types == [6])
        #expect(abort.chunks[0].flags == 1)
        #expect(abort.tag == lone.tag)

        var other = Lone.established()
        other.association.abort()
        #expect(other.next()?[.abort]?.value == [0, 12, 0, 4])
        #expect(other.events() == [.ended(.aborted)])
    }

    @Test func aWrongTagChangesNothing() {
        var lone = Lone.established()
        lone.receive(bytes: Packet.bytes(tag: lone.tag &+ 1, Packet.chunk(6)))
        lone.receive(bytes: Packet.bytes(tag: lone.tag, Packet.chunk(6, flags: 1)))
        lone.receive(bytes: Packet.bytes(tag: lone.tag &+ 1, Packet.data(lone.peerTSN, [1])))
        #expect(lone.dropped(.verificationTagMismatch) == 3)
        #expect(lone.events().isEmpty)
        // With the T bit the sender's tag for us is ours for it.
        lone.receive(bytes: Packet.bytes(tag: lone.peerTag, Packet.chunk(6, flags: 1)))
        #expect(lone.events() == [.ended(.abortedByPeer(nil))])
    }

    @Test func checksumsAreZeroOnlyWhereBothOfferIt() {
        var lone = Lone.established(extensions: [])
        lone.send(100)
        let bytes = lone.nextBytes()!
        #expect(Packet(bytes).checksum == CRC32c.checksum(ofPacket: bytes.span).byteSwapped)
        var both = Lone.established()
        both.send(100)
        #expect(both.next()?.checksum == 0)
        // A checksum that is there must be right.
        var wrong = Packet.bytes(tag: both.tag, Packet.data(both.peerTSN, [1]))
        wrong[8] = 1
        both.receive(bytes: wrong)
        #expect(both.dropped(.checksumInvalid) == 1)
        var configuration = AssociationConfiguration()
        configuration.usesZeroChecksum = false
        var strict = Lone(configuration)
        strict.receive(bytes: Packet.bytes(tag: 1, Packet.data(1, [1])))
        #expect(strict.dropped(.checksumInvalid) == 1)
    }

    @Test func aSilentPeerIsAskedByHeartbeatsAndGivenUp() {
        var configuration = AssociationConfiguration()
        configuration.maximumRetransmissions = 3
        var lone = Lone.established(configuration)
        #expect(lone.waitForTimeout() == .sctpHeartbeat)
        let beat = lone.next()![.heartbeat]!
        lone.now += .milliseconds(30)
        lone.receive(Packet.chunk(5, beat.value))
        #expect(lone.association.roundTrip == .milliseconds(30))
        lone.receive(Packet.chunk(5, beat.value))
        #expect(lone.dropped(.heartbeatUnknown) == 1)
        var beats = 0
        while lone.waitForTimeout() == .sctpHeartbeat { beats += lone.all().filter { $0.types == [4] }.count }
        #expect(lone.events() == [.ended(.peerUnreachable)])
        #expect(beats == 4)
        var other = Lone.established()
        other.receive(Packet.chunk(4, [0, 1, 0, 9, 1, 2, 3, 4, 5]))
        #expect(other.next()?.chunks == [Packet.Chunk(type: 5, flags: 0, value: [0, 1, 0, 9, 1, 2, 3, 4, 5])])
    }

    @Test func whatWaitsOnStreamsThatThePeerHasNotIsDropped() {
        var lone = Lone()
        for stream in [2, 3, 4] as [UInt16] { lone.send(10, on: stream) }
        lone.association.start(now: lone.now)
        lone.tag = number(lone.next()!.chunks[0].value, at: 0)
        lone.receive(
            checksummed: true,
            Packet.chunk(
                2, big(7 as UInt32) + big(5000 as UInt32) + [0, 9, 0, 3] + big(1 as UInt32) + [0, 7, 0, 8, 1, 2, 3, 4]))
        #expect(lone.next()?.types == [10])
        lone.receive(Packet.chunk(11))
        #expect(lone.all().flatMap(\.chunks).map { $0.value[5] } == [2])
        #expect(lone.dropped(.streamInvalid) == 2)
        #expect(lone.association.heldBytes == 10)
    }
}
