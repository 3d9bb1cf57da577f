import Primitives
import Testing

@Suite struct BytesTests {
    @Test func readsWhatWasWritten() throws {
        let bytes = try #require(
            [UInt8].written(capacity: 32) { writer in
                writer.write(UInt8(0x01))
                writer.write(UInt16(0x0203))
                writer.writeUInt24(0x040506)
                writer.write(UInt32(0x0708_090A))
                writer.write(UInt64(0x0B0C_0D0E_0F10_1112))
                writer.write(utf8: "ok")
                writer.write(zeros: 2)
                writer.patch(0xFFFE, at: 1)
            })
        #expect(bytes.prefix(3) == [0x01, 0xFF, 0xFE])
        var reader = ByteReader(bytes.span)
        #expect(try reader.readUInt8() == 1)
        #expect(try reader.readUInt16() == 0xFFFE)
        #expect(try reader.readUInt24() == 0x040506)
        #expect(try reader.readUInt32() == 0x0708_090A)
        #expect(try reader.readUInt64() == 0x0B0C_0D0E_0F10_1112)
        let text = try reader.readBytes(2)
        #expect(text.count == 2 && text[0] == UInt8(ascii: "o"))
        let rest = reader.readRemaining()
        #expect(rest.count == 2)
        #expect(reader.remaining == 0)
    }

    @Test func aReadPastTheEndConsumesNothing() throws {
        let bytes: [UInt8] = [1, 2, 3]
        var reader = ByteReader(bytes.span)
        var caught: ByteReaderError?
        do { _ = try reader.readUInt32() } catch { caught = error }
        #expect(caught == .truncated(wanted: 4, remaining: 3))
        #expect(reader.offset == 0)
        do { try reader.skip(-1) } catch { caught = error }
        #expect(caught == .truncated(wanted: -1, remaining: 3))
        #expect(try reader.readUInt24() == 0x010203)
    }

    @Test func anOverflowSticks() {
        let bytes = [UInt8].written(capacity: 3) { writer in
            writer.write(UInt32(1))
            writer.write(UInt8(2))
        }
        #expect(bytes == nil)
    }

    @Test func aHeaderIsPutBeforeThePacketAndZerosBehind() {
        var packet = PacketBuffer(capacity: 8)
        packet.append([9, 9, 9, 9, 9, 9, 9, 9].span)
        packet.removeAll()
        packet.append([1, 2, 3].span)
        let first = packet.prepend(2, appending: 1)
        packet.write { $0.write(UInt8(4)) }
        let bytes = packet.bytes.copied()
        #expect(first && Array(bytes[2...]) == [1, 2, 3, 0, 4])
        let tooLong = packet.prepend(2, appending: 0)
        #expect(!tooLong && packet.count == 7)
        let second = packet.prepend(1, appending: 0)
        #expect(second && packet.count == 8)
    }

    @Test func packetsGoBackToTheirPool() {
        let pool = PacketPool(slotCount: 2)
        do {
            guard var first = pool.take() else {
                Issue.record("an empty pool has slots")
                return
            }
            let second = pool.take()
            let third = pool.take()
            #expect(pool.outstanding == 2)
            let isFull = third == nil
            let hasSecond = second != nil
            #expect(isFull && hasSecond)
            first.write { $0.write(UInt32(7)) }
            #expect(first.count == 4)
            let fits = first.write { $0.write(zeros: PacketPool.slotSize) }
            #expect(!fits && first.count == 4)
        }
        #expect(pool.outstanding == 0)
    }
}
