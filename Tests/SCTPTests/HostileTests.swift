import Primitives
import TestSupport
import Testing

@testable import SCTP

/// What a peer may try, and what it gets: an ABORT with its cause, an ERROR, or a drop with its name. Memory stays bounded.
@Suite struct HostileTests {
    @Test func dataWithoutBytesAbort() {
        var lone = Lone.established()
        lone.receive(Packet.data(lone.peerTSN, []))
        #expect(lone.next()?[.abort]?.value == [0, 9, 0, 8] + big(lone.peerTSN))
        #expect(lone.events() == [.ended(.peerViolation(.noUserData))])
    }

    @Test func aStreamThatIsNoneIsAcknowledgedAndReported() {
        var configuration = AssociationConfiguration()
        configuration.streams = 10
        var lone = Lone.established(configuration)
        lone.receive(Packet.data(lone.peerTSN, stream: 10, [1]), Packet.data(lone.peerTSN + 1, stream: 9, [2]))
        let packets = lone.all()
        #expect(packets.compactMap { $0[.error]?.value } == [[0, 1, 0, 8, 0, 10, 0, 0]])
        lone.wait(.milliseconds(200))
        #expect(number(lone.next()![.sack]!.value, at: 0) == lone.peerTSN + 1)
        #expect(lone.messages() == [[2]])
        #expect(lone.dropped(.streamInvalid) == 1)
    }

    @Test func anAcknowledgementOfWhatWasNeverSentAborts() {
        for gaps in [[], [2...3]] as [[ClosedRange<UInt16>]] {
            var lone = Lone.established()
            lone.send(10)
            _ = lone.all()
            lone.receive(Packet.sack(gaps.isEmpty ? lone.tsn &+ 1 : lone.tsn &- 1, gaps: gaps))
            #expect(lone.next()?[.abort]?.value == [0, 13, 0, 4])
            #expect(lone.events().last == .ended(.peerViolation(.protocolViolation)))
        }
    }

    @Test func gapBlocksThatMakeNoSenseAreDropped() {
        var lone = Lone.established()
        lone.send(4000)
        _ = lone.all()
        let base = big(lone.tsn &- 1) + big(70_000 as UInt32)
        // Ends before it starts; begins at zero; overlaps; fewer than announced.
        let broken: [[UInt8]] = [
            [0, 1, 0, 0, 0, 3, 0, 2], [0, 1, 0, 0, 0, 0, 0, 2], [0, 2, 0, 0, 0, 2, 0, 3, 0, 3, 0, 4],
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 2, 0, 2], [0, 0, 0, 9],
        ]
        for rest in broken { lone.receive(Packet.chunk(3, base + rest)) }
        #expect(lone.dropped(.malformedChunk) == 5)
        lone.receive(Packet.sack(lone.tsn &- 2))
        #expect(lone.dropped(.acknowledgementOutdated) == 1)
        #expect(!lone.association.hasEnded)
    }

    @Test func lengthsThatDoNotFitStopThePacket() {
        var lone = Lone.established()
        for length in [0, 3, 400] { lone.receive(Packet.chunk(11), Packet.chunk(4, length: length, [1, 2, 3, 4])) }
        #expect(lone.dropped(.malformedChunk) == 3)
        for count in 0..<16 { lone.receive(bytes: [UInt8](repeating: 0, count: count)) }
        #expect(lone.dropped(.malformedPacket) == 16)
        lone.receive(bytes: Packet.bytes(tag: lone.tag, Packet.chunk(3, length: 2)))
        #expect(lone.dropped(.malformedPacket) == 17)
        var ports = Packet.bytes(tag: lone.tag, Packet.data(lone.peerTSN, [1]))
        ports[1] = 0
        lone.receive(bytes: ports)
        #expect(lone.dropped(.portMismatch) == 1)
        for type in [0, 3, 5, 130, 192] as [UInt8] {
            let before = lone.dropped(.malformedChunk)
            lone.receive(Packet.chunk(type, [0, 16, 0, 4]))
            #expect(lone.dropped(.malformedChunk) == before + (type == 192 ? 0 : 1), "\(type)")
        }
    }

    @Test func unknownChunksAreTreatedByTheirHighBits() {
        var lone = Lone.established()
        func tries(_ type: UInt8, _ index: UInt32) -> ([UInt8]?, Bool) {
            lone.receive(Packet.chunk(type, [9]), Packet.data(lone.peerTSN + index, sequence: UInt16(index), [1]))
            return (lone.all().compactMap { $0[.error]?.value }.first, !lone.messages().isEmpty)
        }
        #expect(tries(0x30, 0) == (nil, false))
        #expect(tries(0x70, 0) == ([0, 6, 0, 9, 0x70, 0, 0, 5, 9], false))
        #expect(tries(0xB0, 0) == (nil, true))
        #expect(tries(0xF0, 1) == ([0, 6, 0, 9, 0xF0, 0, 0, 5, 9], true))
        #expect(lone.dropped(.unknownChunk) == 4)
    }

    @Test func aFloodOfINITsHoldsNothing() {
        var lone = Lone.established()
        let initiation = Packet.chunk(1, big(9 as UInt32) + big(5000 as UInt32) + [0, 5, 0, 6] + big(50 as UInt32))
        for _ in 0..<1000 { lone.receive(bytes: Packet.bytes(tag: 0, checksummed: true, initiation)) }
        #expect(lone.all().count == 16)
        #expect(lone.dropped(.replyQueueFull) == 984)
        // Cookies that are not ours cost a hash each.
        for _ in 0..<100 {
            lone.receive(
                bytes: Packet.bytes(
                    tag: lone.tag, checksummed: true, Packet.chunk(10, [UInt8](repeating: 1, count: 80))))
        }
        #expect(lone.dropped(.cookieInvalid) == 100)
        #expect(lone.association.isEstablished)
    }

    @Test func fragmentsWithoutEndAreBounded() {
        var configuration = AssociationConfiguration()
        configuration.receiveBuffer = 50_000
        configuration.maximumReceivedMessageSize = 20_000
        // In order: the message becomes too large.
        var lone = Lone.established(configuration)
        var index: UInt32 = 0
        while !lone.association.hasEnded {
            lone.receive(
                Packet.data(lone.peerTSN + index, flags: index == 0 ? 2 : 0, [UInt8](repeating: 1, count: 1000)))
            index += 1
            #expect(lone.association.heldBytes <= 20_000)
        }
        #expect(index == 21)
        #expect(lone.events() == [.ended(.peerViolation(.protocolViolation))])
        // Behind a gap, in pieces and streams without end.
        var other = Lone.established(configuration)
        for index in 1..<3000 as Range<UInt32> {
            other.receive(Packet.data(other.peerTSN + index, stream: UInt16(index % 65_000), flags: 2, [1]))
            _ = other.all()
        }
        #expect(other.association.heldBytes <= 50_000)
        #expect(other.dropped(.receiveBufferFull) > 2000)
        // The gap closes, and everything that cannot become a message is gone.
        other.receive(Packet.data(other.peerTSN, [1]))
        #expect(other.messages() == [[1]])
        #expect(other.association.heldBytes <= 1)
        #expect(other.dropped(.messageUnfinished) > 500)
    }

    @Test func numbersFarAheadAndPiecesWithoutEndAreNotTracked() {
        var lone = Lone.established()
        lone.receive(Packet.data(lone.peerTSN + 65_536, [1]))
        lone.receive(Packet.data(lone.peerTSN &- 70_000, [1]))
        #expect(lone.dropped(.dataBeyondWindow) == 1)
        #expect(lone.dropped(.duplicateData) == 1)
        for index in 1...600 as ClosedRange<UInt32> { lone.receive(Packet.data(lone.peerTSN + 2 * index, [1])) }
        #expect(lone.dropped(.dataBeyondWindow) == 1 + 600 - 512)
        // What fits a packet is told.
        #expect(lone.all().allSatisfy { $0.chunks[0].value.count <= 1188 })
    }

    @Test func sequenceNumbersThatSkipOrGoBackHoldNothing() {
        var lone = Lone.established()
        lone.receive(Packet.data(lone.peerTSN, sequence: 500, [1]), Packet.data(lone.peerTSN + 1, sequence: 499, [2]))
        #expect(lone.messages() == [[1]])
        #expect(lone.dropped(.streamSequenceSkipped) == 1)
        #expect(lone.dropped(.messageOutdated) == 1)
        lone.receive(
            Packet.data(lone.peerTSN + 2, sequence: 501, flags: 0, [3]),
            Packet.data(lone.peerTSN + 3, sequence: 501, flags: 2, [4]))
        #expect(lone.dropped(.fragmentOrphaned) == 1)
        lone.receive(Packet.data(lone.peerTSN + 4, stream: 7, flags: 3, [5]))
        #expect(lone.dropped(.messageUnfinished) == 1)
        #expect(lone.messages() == [[5]])
        #expect(lone.association.heldBytes == 0)
    }

    @Test func requestsToResetAreCountedAndBounded() {
        var lone = Lone.established()
        func request(_ type: UInt16, _ sequence: UInt32, _ rest: [UInt8]) -> [UInt8] {
            Packet.chunk(130, big(type) + big(UInt16(8 + rest.count)) + big(sequence) + rest)
        }
        let first = lone.peerTSN
        // The association's reset and more streams are denied; a number that is not the next one is wrong.
        lone.receive(request(15, first, []))
        lone.receive(request(17, first + 1, [0, 5, 0, 0]))
        lone.receive(request(18, first + 9, [0, 5, 0, 0]))
        let answers = lone.all().compactMap { $0[.reconfiguration]?.value }
        #expect(answers.map { number($0, at: 8) } == [2, 2, 5])
        // What refers to numbers that have not come waits, and is told so each time.
        for _ in 0..<3 { lone.receive(request(13, first + 2, big(0 as UInt32) + big(first + 10) + [0, 1])) }
        #expect(lone.all().compactMap { $0[.reconfiguration]?.value }.map { number($0, at: 8) } == [6, 6, 6])
        #expect(lone.events().isEmpty)
        lone.receive(Packet.chunk(192, big(first + 10)))
        #expect(lone.events() == [.peerReset([StreamID(1)])])
        lone.receive(request(13, first + 2, big(0 as UInt32) + big(first + 10) + [0, 1]))
        #expect(lone.all().compactMap { $0[.reconfiguration]?.value }.map { number($0, at: 8) } == [1])
        #expect(lone.events().isEmpty)
        lone.receive(request(16, 77, big(1 as UInt32)))
        #expect(lone.dropped(.reconfigurationInvalid) == 2)
        for _ in 0..<100 { lone.receive(request(15, 5, [])) }
        #expect(lone.all().compactMap { $0[.reconfiguration] }.count == 4)
    }
}
