import Primitives
import TestSupport
import Testing

@testable import SCTP

/// Packets that another implementation wrote: aiortc 1.16.0, `rtcsctptransport.serialize_packet`, ports 5000.
@Suite struct GoldenTests {
    private static let initiation = hex(
        "13881388000000003dfa9d58 0100001e11223344000200000100fffffffffffe c0000004 80080006c0820000")
    private static let data = hex("1388138801020304d4bb854e 00030015fffffffe000100000000003370696e6721000000")
    private static let sack = hex(
        "1388138801020304108f8e4f 0300001cfffffffd000186a000020001000200030005000500000007")
    private static let forwardTSN = hex("13881388010203046475fdc7 c000000c0000000000010000")
    private static let reset = hex(
        "13881388010203046ec19c68 8200001a000d00160000001100000022000000330001000300050000")

    @Test(arguments: [initiation, data, sack, forwardTSN, reset])
    func checksumsAgree(packet: [UInt8]) throws {
        let header = try PacketHeader(packet.span)
        #expect(header.checksum == CRC32c.checksum(ofPacket: packet.span))
        #expect(header.source == 5000 && header.destination == 5000)
    }

    @Test func initiationReadsAndWritesAsItStands() throws {
        var offset = 12
        let tlv = try #require(try TLV.nextChunk(in: Self.initiation.span, at: &offset))
        #expect(offset == Self.initiation.count)
        var report: [UInt8] = []
        var cookie: Range<Int>?
        let chunk = try InitiationChunk(Self.initiation.span.extracting(tlv.value), report: &report, cookie: &cookie)
        #expect(
            chunk
                == InitiationChunk(
                    tag: 0x1122_3344, window: 131_072, outgoingStreams: 256, incomingStreams: 65_535,
                    initialTSN: TSN(0xFFFF_FFFE), extensions: [.partialReliability, .reconfiguration]))
        #expect(report.isEmpty && cookie == nil)
        let written = [UInt8].written { chunk.write(as: .initiation, into: &$0) }
        #expect(written == Array(Self.initiation[12...]))
    }

    @Test func dataReads() throws {
        let chunk = try DataChunk(Self.data.span.extracting(16..<33), flags: Self.data[13])
        #expect(chunk.tsn == TSN(0xFFFF_FFFE))
        #expect(chunk.stream == StreamID(1))
        #expect(chunk.payloadProtocol == .string)
        #expect(chunk.flags == [.beginning, .end])
    }

    @Test func acknowledgementsWriteAsTheyStand() {
        var received = ReceivedTSNs(initial: TSN(0xFFFF_FFFE))
        let base = received.unwrap(TSN(0xFFFF_FFFD))
        for offset in [2, 3, 5] { received.insert(base + offset) }
        let written = [UInt8].written {
            received.writeSACK(window: 100_000, duplicates: [TSN(7)], size: 1000, into: &$0)
        }
        #expect(written == Array(Self.sack[12...]))
    }

    @Test func numbersWrapAround() throws {
        var incoming = IncomingData(AssociationConfiguration(), initialTSN: TSN(0xFFFF_FFFE))
        _ = try incoming.handleForwardTSN(Self.forwardTSN.span.extracting(16..<24))
        #expect(incoming.cumulativeTSN == TSN(0))
        let tsn = TSN(0xFFFF_FFFF)
        #expect(tsn.next == TSN(0))
        #expect(TSN(3).distance(from: tsn) == 4)
        #expect(tsn.distance(from: TSN(3)) == -4)
        #expect(StreamSequence(65_535).next == .zero)
    }
}
