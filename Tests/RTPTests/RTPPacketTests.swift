import Primitives
import RTP
import Testing

@Suite("RTP packets")
struct RTPPacketTests {
    @Test("A packet with sources, one-byte extensions and padding")
    func everything() throws {
        let bytes: [UInt8] = [
            0xB1, 0xE0, 0x12, 0x34, 0xDE, 0xAD, 0xBE, 0xEF, 0xCA, 0xFE, 0xBA, 0xBE,
            0, 0, 0, 1,  // one contributing source
            0xBE, 0xDE, 0x00, 0x03,  // the extension of RFC 8285 section 4.2's example: three elements and padding
            0x10, 0xAA, 0x21, 0xBB, 0xBB, 0x00, 0x00, 0x33, 0xCC, 0xCC, 0xCC, 0xCC,
            1, 2, 3, 0, 0, 3,
        ]
        let packet = try ReadPacket(bytes)
        #expect(
            packet.header
                == RTPHeader(
                    hasMarker: true, payloadType: .of(96), sequenceNumber: SequenceNumber(0x1234),
                    timestamp: 0xDEAD_BEEF,
                    ssrc: SSRC(0xCAFE_BABE)))
        #expect(packet.payload == [1, 2, 3])
        #expect(packet.paddingSize == 3)
        #expect(packet.extensions.count == 3)
        #expect(packet.extensions[1] == [0xAA])
        #expect(packet.extensions[2] == [0xBB, 0xBB])
        #expect(packet.extensions[3] == [0xCC, 0xCC, 0xCC, 0xCC])
        #expect(packet.extensions[4] == nil)
    }

    @Test("Two-byte extensions, with an empty one")
    func twoByteExtensions() throws {
        let bytes: [UInt8] = [
            0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0x00, 0x00, 0x02,
            20, 0, 0, 21, 3, 0xA, 0xB, 0xC, 7,
        ]
        let packet = try ReadPacket(bytes)
        #expect(packet.extensions[20] == [])
        #expect(packet.extensions[21] == [0xA, 0xB, 0xC])
        #expect(packet.payload == [7])
    }

    @Test("Identifier 15 and a padding byte with a length end the elements")
    func endOfElements() throws {
        for stop: UInt8 in [0xF0, 0x01] {
            let bytes: [UInt8] = [0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 0xAA, stop, 0x20]
            let packet = try ReadPacket(bytes)
            #expect(packet.extensions.count == 1)
        }
    }

    @Test(
        "Broken packets",
        arguments: [
            ([], RTPError.truncated),
            ([0x80], .truncated),
            ([0x40, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], .unsupportedVersion),
            ([0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0], .truncated),
            ([0x81, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], .truncated),
            ([0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1], .truncated),
            ([0xA0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], .malformedPadding),
            ([0xA0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0], .malformedPadding),
            ([0xA0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2], .malformedPadding),
        ] as [([UInt8], RTPError)])
    func broken(bytes: [UInt8], error: RTPError) {
        #expect(throws: error) {
            _ = try ReadPacket(bytes)
        }
    }

    @Test("RTCP is told from RTP by its second byte")
    func demultiplexing() {
        let datagrams: [[UInt8]] = [[0x80, 200], [0x80, 206], [0x80, 0xE0], [0x80, 96], [0x80]]
        let judged = datagrams.map { isRTCP($0.span) }
        #expect(judged == [true, true, false, false, false])
    }

    @Test(
        "VP8 payload descriptors",
        arguments: [
            ([0x10], VP8PayloadDescriptor(startsPartition: true)),
            ([0x90, 0x80, 0x92, 0x34], VP8PayloadDescriptor(startsPartition: true, pictureID: 0x1234)),
            (
                [0xA0, 0xF0, 0x80, 0x05, 0x77, 0x63],
                VP8PayloadDescriptor(
                    isNonReference: true, startsPartition: false, pictureID: 5, temporalBaseIndex: 0x77,
                    temporalLayer: .init(index: 1, isSynchronizationPoint: true), keyIndex: 3)
            ),
        ] as [([UInt8], VP8PayloadDescriptor)])
    func descriptors(bytes: [UInt8], descriptor: VP8PayloadDescriptor) throws {
        var reader = ByteReader(bytes.span)
        let read = try VP8PayloadDescriptor(parsing: &reader)
        let rest = reader.remaining
        #expect(read == descriptor)
        #expect(rest == 0)
        let written = [UInt8].written { descriptor.write(into: &$0) }
        #expect(written == bytes)
        #expect(descriptor.size == bytes.count)
    }

    @Test("A picture ID of seven bits is read, too")
    func shortPictureID() throws {
        let bytes: [UInt8] = [0x90, 0x80, 0x11]
        var reader = ByteReader(bytes.span)
        let descriptor = try VP8PayloadDescriptor(parsing: &reader)
        #expect(descriptor.pictureID == 0x11)
    }
}
