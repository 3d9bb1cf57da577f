import Primitives
import TestSupport
import Testing

@testable import SCTP

/// Sending and acknowledging, rule by rule (RFC 9260 sections 6 and 7, RFC 3758).
@Suite struct TransferTests {
    /// A whole packet's fragment, and what the first flight is: 4,404 bytes of window are exceeded by less than a packet.
    private let fragment = 1160

    @Test func aMessageIsCutAndBundled() {
        var lone = Lone.established()
        lone.send(10, on: 3)
        lone.send(2000, on: 4, unordered: true)
        let packets = lone.all()
        #expect(packets.map(\.types) == [[0, 0], [0]])
        let chunks = packets.flatMap(\.chunks)
        #expect(chunks.map(\.flags) == [3, 6, 5])
        #expect(packets.flatMap(\.numbers) == [0, 1, 2].map { lone.tsn &+ $0 })
        #expect(Array(chunks[0].value[4..<12]) == [0, 3, 0, 0, 0, 0, 0, 53])
        #expect(chunks[1].value.dropFirst(12) + chunks[2].value.dropFirst(12) == payload(2000, 2000)[...])
    }

    @Test func streamsHaveTheirTurns() {
        var lone = Lone.established()
        for stream in [1, 1, 1, 2, 2, 3] as [UInt16] { lone.send(4, on: stream) }
        let order = lone.all().flatMap(\.chunks).map { $0.value[5] }
        #expect(order == [1, 2, 3, 1, 2, 1])
        #expect(lone.association.rememberedStreams == 3)
    }

    @Test func refusalsNameTheLimit() {
        var configuration = AssociationConfiguration()
        configuration.sendBufferPerStream = 3000
        configuration.sendBuffer = 5000
        configuration.maximumSentMessageSize = 2500
        var lone = Lone.established(configuration, streams: 5)
        func send(_ count: Int, _ stream: UInt16) throws(SendRefusal) {
            try lone.association.send([UInt8](repeating: 1, count: count), on: StreamID(stream), .binary, now: lone.now)
        }
        #expect(throws: SendRefusal.messageEmpty) { try send(0, 0) }
        #expect(throws: SendRefusal.messageTooLarge(limit: 2500)) { try send(2501, 0) }
        #expect(throws: SendRefusal.streamUnknown(limit: 5)) { try send(1, 5) }
        #expect(throws: Never.self) { try send(2500, 0) }
        #expect(throws: SendRefusal.streamBufferFull(limit: 3000)) { try send(501, 0) }
        #expect(throws: Never.self) { try send(2500, 1) }
        #expect(throws: SendRefusal.bufferFull(limit: 5000)) { try send(1, 2) }
        lone.association.reset(StreamID(3))
        #expect(throws: SendRefusal.streamResetting) { try send(1, 3) }
        #expect(lone.association.heldBytes == 5000)
    }

    @Test func theBufferedAmountFallsAsPacketsGo() {
        var lone = Lone.established()
        lone.association.setBufferedAmountLowThreshold(2000, of: StreamID(1))
        lone.send(5000, on: 1)
        #expect(lone.association.bufferedAmount(of: StreamID(1)) == 5000)
        _ = lone.next()
        _ = lone.next()
        #expect(lone.association.bufferedAmount(of: StreamID(1)) == 5000 - 2 * fragment)
        #expect(lone.events().isEmpty)
        _ = lone.next()
        #expect(lone.events() == [.bufferLow(StreamID(1))])
        _ = lone.all()
        #expect(lone.events().isEmpty)
        #expect(lone.association.heldBytes == 5000)
        lone.receive(Packet.sack(lone.tsn &+ 3))
        lone.send(100, on: 1)
        _ = lone.all()
        lone.receive(Packet.sack(lone.tsn &+ 5))
        #expect(lone.association.heldBytes == 0)
    }

    @Test func slowStartBeginsWithFourPacketsAndGrowsByOneASACK() {
        var lone = Lone.established()
        lone.send(100_000)
        #expect(lone.all().flatMap(\.numbers).count == 4)
        #expect(lone.association.congestionWindow.bytes == 4404)
        lone.receive(Packet.sack(lone.tsn &+ 1))
        // Two have gone, one more may be on its way.
        #expect(lone.all().flatMap(\.numbers).count == 3)
        #expect(lone.association.congestionWindow.bytes == 4404 + 1188)
    }

    @Test func thePeersWindowIsKeptAndProbedWhenItIsClosed() {
        var lone = Lone.established(window: 3000)
        lone.send(20_000)
        #expect(lone.all().flatMap(\.numbers).count == 2)
        lone.receive(Packet.sack(lone.tsn &+ 1, window: 0))
        // One chunk of data, whatever the window says.
        #expect(lone.all().flatMap(\.numbers) == [lone.tsn &+ 2])
        #expect(lone.waitForTimeout() == .sctpRetransmission)
        #expect(lone.all().flatMap(\.numbers) == [lone.tsn &+ 2])
        lone.receive(Packet.sack(lone.tsn &+ 1, window: 100_000))
        // The congestion window is one packet now, and may be exceeded by less than one.
        #expect(lone.all().flatMap(\.numbers) == [lone.tsn &+ 3])
    }

    @Test func threeReportsSendAgainAndTakeFromTheWindow() {
        var lone = Lone.established()
        lone.send(100_000)
        var sent = lone.all().flatMap(\.numbers).count
        var first: UInt32 = 0
        for round in 0..<3 {
            lone.now += .milliseconds(50)
            lone.receive(Packet.sack(lone.tsn &+ UInt32(sent) &- 1))
            first = UInt32(sent)
            sent += lone.all().flatMap(\.numbers).count
            #expect(lone.association.congestionWindow.bytes == 4404 + (round + 1) * 1188)
        }
        // The first of those on their way is missing.
        var window = lone.association.congestionWindow.bytes
        for last in 2...4 as ClosedRange<UInt16> {
            lone.receive(Packet.sack(lone.tsn &+ first &- 1, gaps: [2...last]))
            let numbers = lone.all().flatMap(\.numbers)
            if last < 4 {
                #expect(!numbers.contains(lone.tsn &+ first))
            } else {
                #expect(numbers.first == lone.tsn &+ first)
                #expect(lone.association.congestionWindow.bytes < window)
            }
        }
        window = lone.association.congestionWindow.bytes
        // More losses of the same recovery cost nothing more.
        lone.receive(Packet.sack(lone.tsn &+ first &- 1, gaps: [2...5]))
        #expect(lone.association.congestionWindow.bytes == window)
    }

    @Test func t3SendsEverythingAgainFromAWindowOfOnePacket() {
        var lone = Lone.established()
        lone.send(4000)
        #expect(lone.all().flatMap(\.numbers).count == 4)
        let begun = lone.now
        #expect(lone.waitForTimeout() == .sctpRetransmission)
        #expect(lone.now - begun == .seconds(1))
        #expect(lone.association.congestionWindow.bytes == 1188)
        // Two: the window is exceeded by less than a packet.
        #expect(lone.all().flatMap(\.numbers) == [lone.tsn, lone.tsn &+ 1])
        let again = lone.now
        #expect(lone.waitForTimeout() == .sctpRetransmission)
        #expect(lone.now - again == .seconds(2))
        _ = lone.all()
        lone.receive(Packet.sack(lone.tsn &+ 3))
        #expect(lone.association.heldBytes == 0)
        #expect(lone.waitForTimeout() == .sctpHeartbeat)
    }

    @Test func aRetransmissionThatIsLostIsSentAgainWithoutT3() {
        var lone = Lone.established()
        lone.send(100_000)
        _ = lone.all()
        for last in 2...4 as ClosedRange<UInt16> { lone.receive(Packet.sack(lone.tsn &- 1, gaps: [2...last])) }
        #expect(lone.all().flatMap(\.numbers).first == lone.tsn)
        lone.now += .milliseconds(100)
        // What was sent with it and after it arrives, it does not.
        lone.receive(Packet.sack(lone.tsn &- 1, gaps: [2...6]))
        let later = lone.all().flatMap(\.numbers)
        #expect(!later.isEmpty)
        lone.now += .milliseconds(100)
        lone.receive(Packet.sack(lone.tsn &- 1, gaps: [2...UInt16((later.last! &- lone.tsn) + 1)]))
        #expect(lone.all().flatMap(\.numbers).contains(lone.tsn))
        #expect(lone.now - Instant(nanoseconds: 5_000_000_000) == .milliseconds(200))
    }

    @Test func whatTheReceiverGivesBackIsOnItsWayAgain() {
        var lone = Lone.established()
        lone.send(4000)
        _ = lone.all()
        lone.receive(Packet.sack(lone.tsn &- 1, gaps: [3...4]))
        let flight = lone.association.bytesInFlight.bytes
        lone.receive(Packet.sack(lone.tsn &- 1))
        #expect(lone.association.bytesInFlight.bytes > flight)
        lone.receive(Packet.sack(lone.tsn &+ 3))
        #expect(lone.association.heldBytes == 0)
        #expect(lone.association.bytesInFlight == .zero)
    }

    @Test func anAllowanceHoldsDataAndNothingElse() {
        var lone = Lone.established()
        lone.send(5000)
        lone.receive(Packet.data(lone.peerTSN, [1]), Packet.data(lone.peerTSN + 2, [1]))
        #expect(lone.association.canSendData)
        #expect(lone.next(allowance: 0)?.types == [3])
        #expect(lone.next(allowance: 0) == nil)
        // Less than half a packet of a message is not cut off.
        #expect(lone.next(allowance: 500) == nil)
        #expect(lone.nextBytes(allowance: 900)!.count <= 900)
        #expect(lone.nextBytes(allowance: 100_000)?.count == 1188)
        var small = Lone.established()
        small.send(40)
        #expect(small.nextBytes(allowance: 100)?.count == 68)
    }

    @Test func messagesThatAreUsedUpAreSkipped() {
        var lone = Lone.established()
        lone.send(3000, on: 1, .maximumRetransmissions(0))
        lone.send(100, on: 2, unordered: true, .maximumRetransmissions(1))
        lone.send(50, on: 3)
        #expect(lone.all().flatMap(\.numbers).count == 5)
        #expect(lone.waitForTimeout() == .sctpRetransmission)
        let packet = lone.next()!
        // The first message is given up; the others are sent again.
        #expect(packet[.forwardTSN]?.value == big(lone.tsn &+ 2) + [0, 1, 0, 0])
        #expect(packet.numbers == [lone.tsn &+ 3, lone.tsn &+ 4])
        #expect(lone.dropped(.messageAbandoned) == 1)
        #expect(lone.waitForTimeout() == .sctpRetransmission)
        let second = lone.next()!
        #expect(second[.forwardTSN]?.value == big(lone.tsn &+ 3) + [0, 1, 0, 0])
        #expect(second.numbers == [lone.tsn &+ 4])
        lone.receive(Packet.sack(lone.tsn &+ 4))
        #expect(lone.association.heldBytes == 0)
        #expect(lone.waitForTimeout() == .sctpHeartbeat)
    }

    @Test func aLifetimeEndsWhatWaitsAndWhatIsBegun() {
        var lone = Lone.established()
        lone.send(20_000, on: 1, .maximumLifetime(.milliseconds(300)))
        lone.send(100, on: 2, .maximumLifetime(.milliseconds(300)))
        #expect(lone.all().flatMap(\.numbers).count == 4)
        lone.now += .milliseconds(301)
        lone.receive(Packet.sack(lone.tsn &+ 3))
        // All that was sent is there; the rest is skipped under a number of its own, and the second message was never begun.
        let packets = lone.all()
        #expect(packets.flatMap(\.numbers).isEmpty)
        #expect(packets.compactMap { $0[.forwardTSN]?.value } == [big(lone.tsn &+ 4) + [0, 1, 0, 0]])
        #expect(lone.association.heldBytes == 0)
        lone.receive(Packet.sack(lone.tsn &+ 4))
        lone.send(100, on: 2)
        let next = lone.next()!
        #expect(next.numbers == [lone.tsn &+ 5])
        #expect(Array(next.chunks[0].value[4..<8]) == [0, 2, 0, 0])
    }

    /// Thousands of small messages that are lost and then too old: they are given up in one go.
    @Test func manyMessagesExpireAtOnce() {
        var lone = Lone.established(window: 1 << 24)
        var sent = 0
        func send(_ count: Int) {
            for _ in 0..<count { lone.send(1, on: 1, .maximumLifetime(.seconds(3))) }
            sent += lone.all().flatMap(\.numbers).count
        }
        for _ in 0..<60 {
            send(3000)
            lone.receive(Packet.sack(lone.tsn &+ UInt32(sent) &- 1, window: 1 << 24))
        }
        send(10_000)
        let open = lone.association.bytesInFlight.bytes / 20
        #expect(open > 3000, "\(open)")
        lone.now += .milliseconds(1500)
        lone.association.handleTimeout(now: lone.now)
        lone.now += .seconds(3)
        _ = lone.all()
        #expect(Int(lone.dropped(.messageAbandoned)) >= open)
        #expect(lone.association.bytesInFlight == .zero)
    }

    @Test func aPeerWithoutFORWARDTSNGetsEverything() {
        var lone = Lone.established(extensions: [])
        lone.send(100, .maximumRetransmissions(0))
        _ = lone.all()
        #expect(lone.waitForTimeout() == .sctpRetransmission)
        #expect(lone.all().flatMap(\.numbers) == [lone.tsn])
    }

    // MARK: Receiving

    @Test func everySecondPacketIsAcknowledgedAtOnceAndTheFirstAfter200Milliseconds() {
        var lone = Lone.established()
        lone.receive(Packet.data(lone.peerTSN, [1]))
        #expect(lone.next() == nil)
        lone.receive(Packet.data(lone.peerTSN + 1, sequence: 1, [2]))
        #expect(lone.next()?[.sack]?.value == big(lone.peerTSN + 1) + big(UInt32(1 << 20) - 2 - 128) + [0, 0, 0, 0])
        #expect(lone.messages() == [[1], [2]])
        lone.receive(Packet.data(lone.peerTSN + 2, sequence: 2, [3]))
        #expect(lone.next() == nil)
        let begun = lone.now
        #expect(lone.waitForTimeout() == .sctpAcknowledgement)
        #expect(lone.now - begun == .milliseconds(200))
        #expect(lone.next()?.types == [3])
        // The I bit, and data of ours that take it along.
        lone.receive(Packet.data(lone.peerTSN + 3, sequence: 3, flags: 11, [4]))
        #expect(lone.next()?.types == [3])
        lone.receive(Packet.data(lone.peerTSN + 4, sequence: 4, [5]))
        lone.send(10)
        #expect(lone.next()?.types == [3, 0])
    }

    @Test func gapsAndDoublesAreToldAtOnce() {
        var lone = Lone.established()
        let first = lone.peerTSN
        lone.receive(
            Packet.data(first, [1]), Packet.data(first + 2, sequence: 2, [3]), Packet.data(first + 5, sequence: 5, [6]),
            Packet.data(first + 2, sequence: 2, [3]))
        let sack = lone.next()![.sack]!.value
        #expect(number(sack, at: 0) == first)
        #expect(Array(sack[8...]) == [0, 2, 0, 1, 0, 2, 0, 2, 0, 5, 0, 5] + big(first + 2))
        lone.receive(Packet.data(first + 1, sequence: 1, [2]))
        #expect(Array(lone.next()![.sack]!.value[8...]) == [0, 1, 0, 0, 0, 3, 0, 3])
        #expect(lone.messages() == [[1], [2], [3]])
        lone.receive(Packet.data(first + 3, sequence: 3, [4]), Packet.data(first + 4, sequence: 4, [5]))
        #expect(lone.messages() == [[4], [5], [6]])
        #expect(lone.association.heldBytes == 0)
    }

    @Test func whatIsCompleteBehindAGapDoesNotWaitForOtherStreams() {
        var lone = Lone.established()
        let first = lone.peerTSN
        // first is missing.
        lone.receive(
            Packet.data(first + 1, stream: 2, sequence: 0, flags: 2, [1]),
            Packet.data(first + 2, stream: 2, sequence: 0, flags: 1, [2]))
        #expect(lone.messages() == [[1, 2]])
        lone.receive(Packet.data(first + 3, stream: 1, sequence: 1, [3]))
        #expect(lone.messages().isEmpty)
        lone.receive(Packet.data(first + 4, stream: 1, flags: 7, [4]))
        #expect(lone.messages() == [[4]])
        lone.receive(Packet.data(first + 6, stream: 2, sequence: 1, [5]))
        #expect(lone.messages() == [[5]])
        lone.receive(Packet.data(first, stream: 1, sequence: 0, [0]))
        #expect(lone.messages() == [[0], [3]])
    }

    @Test func forwardTSNLetsWhatFollowsPass() {
        var lone = Lone.established()
        let first = lone.peerTSN
        lone.receive(
            Packet.data(first, stream: 1, sequence: 0, flags: 2, [1]),
            Packet.data(first + 3, stream: 1, sequence: 1, [9]))
        #expect(lone.messages().isEmpty)
        lone.receive(Packet.chunk(192, big(first + 2) + [0, 1, 0, 0]))
        #expect(lone.messages() == [[9]])
        #expect(number(lone.next()![.sack]!.value, at: 0) == first + 3)
        #expect(lone.association.heldBytes == 0)
        // Old, and too far.
        lone.receive(Packet.chunk(192, big(first)))
        #expect(lone.next()?.types == [3])
        lone.receive(Packet.chunk(192, big(first + 100_000)))
        #expect(lone.dropped(.forwardTSNInvalid) == 1)
        lone.receive(Packet.data(first + 4, stream: 1, sequence: 2, [10]))
        #expect(lone.messages() == [[10]])
    }

    @Test func theWindowClosesAndOpensWithoutSillySteps() {
        var configuration = AssociationConfiguration()
        configuration.receiveBuffer = 10_000
        configuration.maximumReceivedMessageSize = 5000
        var lone = Lone.established(configuration)
        for index in 0..<9 as Range<UInt32> {
            lone.receive(Packet.data(lone.peerTSN + index, sequence: UInt16(index), [UInt8](repeating: 1, count: 1000)))
        }
        let packets = lone.all()
        // Less than a packet's worth is none.
        #expect(number(packets.last![.sack]!.value, at: 4) == 0)
        for index in 9..<12 as Range<UInt32> {
            lone.receive(Packet.data(lone.peerTSN + index, sequence: UInt16(index), [UInt8](repeating: 1, count: 1000)))
        }
        #expect(lone.dropped(.receiveBufferFull) == 2)
        _ = lone.all()
        #expect(lone.messages().count == 10)
        #expect(number(lone.next()![.sack]!.value, at: 4) == 10_000)
    }

    @Test func goldenPackets() {
        // The check value of CRC-32C over "123456789" is 0xE3069283; here the header's checksum counts as zeros.
        let text = Array("123456789".utf8)
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in text {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? 0x82F6_3B78 ^ (crc >> 1) : crc >> 1 }
        }
        #expect(~crc == 0xE306_9283)
        for count in [0, 1, 7, 8, 9, 100, 1161] {
            let bytes = [UInt8](repeating: 0, count: 8) + [9, 9, 9, 9] + payload(count, 4)
            var slow: UInt32 = 0xFFFF_FFFF
            for (index, byte) in bytes.enumerated() {
                slow ^= UInt32((8..<12).contains(index) ? 0 : byte)
                for _ in 0..<8 { slow = slow & 1 == 1 ? 0x82F6_3B78 ^ (slow >> 1) : slow >> 1 }
            }
            #expect(CRC32c.checksum(ofPacket: bytes.span) == ~slow)
        }
    }
}
