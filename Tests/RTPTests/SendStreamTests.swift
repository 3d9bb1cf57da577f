import Primitives
import RTP
import Testing

@Suite("A send stream")
struct SendStreamTests {
    @Test("A small frame becomes one packet, byte by byte")
    func golden() throws {
        var stream = SendStream.video()
        let range = stream.packetize(vp8Frame(3, isKeyframe: true).span, isKeyframe: true, captureTime: .ms(100))
        #expect(range.count == 1)
        let packet = try stream.packet(range.first, transport: 0x0102, now: .ms(500))
        let bytes = packet.bytes
        let timestamp = stream.timestamp(at: .ms(100))
        #expect(timestamp &- stream.timestamp(at: .zero) == 9000)
        #expect(
            packet.header
                == RTPHeader(
                    hasMarker: true, payloadType: .of(96), sequenceNumber: range.first, timestamp: timestamp,
                    ssrc: SSRC(0x1111_1111)))
        #expect(bytes[0] == 0x90)
        // transport-wide sequence number, abs-send-time of half a second, mid "0", padding
        #expect(
            Array(bytes[12..<28]) == [0xBE, 0xDE, 0, 3, 0x41, 0x01, 0x02, 0x22, 0x02, 0x00, 0x00, 0x90, 0x30, 0, 0, 0])
        #expect(bytes[28] == 0x90 && bytes[29] == 0x80 && bytes[30] & 0x80 != 0)
        #expect(Array(bytes[32...]) == vp8Frame(3, isKeyframe: true))
    }

    @Test(
        "A large frame is cut into packets of almost equal size within the limit",
        arguments: [1100, 1200, 5000, 60_000])
    func splitting(size: Int) throws {
        var stream = SendStream.video(
            ids: HeaderExtensionIDs(
                mid: 9, absoluteSendTime: 2, transportSequence: 4, playoutDelay: 5, absoluteCaptureTime: 6))
        let frame = vp8Frame(size, isKeyframe: false)
        let range = stream.packetize(frame.span, isKeyframe: false, captureTime: .zero)
        var sizes: [Int] = []
        var whole: [UInt8] = []
        var pictureIDs: Set<UInt16> = []
        for (index, sequence) in range.enumerated() {
            let packet = try stream.packet(sequence, transport: UInt16(index))
            #expect(packet.bytes.count <= 1184)
            #expect(packet.bytes.count <= stream.size(of: sequence, as: .media)?.bytes ?? 0)
            #expect(packet.header.hasMarker == (index == range.count - 1))
            let descriptor = try #require(packet.descriptor)
            #expect(descriptor.startsPartition == (index == 0))
            if let id = descriptor.pictureID { pictureIDs.insert(id) }
            sizes.append(packet.media.count)
            whole += packet.media
            // A retransmission of the largest packet stays within the limit, too.
            let repair = try stream.packet(sequence, as: .retransmission, transport: 9)
            #expect(repair.bytes.count <= 1184)
        }
        #expect(whole == frame)
        #expect(try #require(sizes.max()) - #require(sizes.min()) <= 1)
        #expect(pictureIDs.count == 1)
    }

    @Test("Sequence numbers and picture IDs go on from frame to frame")
    func continuity() throws {
        var stream = SendStream.video()
        let first = stream.packetize(vp8Frame(2500, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        let second = stream.packetize(vp8Frame(10, isKeyframe: false).span, isKeyframe: false, captureTime: .ms(33))
        #expect(second.first.distance(from: first.first) == first.count)
        func pictureID(_ sequence: SequenceNumber) throws -> Int {
            Int(try #require(try stream.packet(sequence).descriptor?.pictureID))
        }
        let ids = (try pictureID(first.first), try pictureID(second.first))
        #expect((ids.1 - ids.0 + 0x8000) % 0x8000 == 1)
    }

    @Test("A retransmission is the same payload behind its number, on the other source")
    func retransmission() throws {
        var stream = SendStream.video()
        let range = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        let first = try stream.packet(range.first, transport: 1)
        let second = try stream.packet(range.first, as: .retransmission, transport: 2, now: .ms(30))
        #expect(second.header.ssrc == SSRC(0x2222_2222))
        #expect(second.header.payloadType == .of(97))
        #expect(second.header.timestamp == first.header.timestamp)
        #expect(second.header.hasMarker == first.header.hasMarker)
        let number = range.first.rawValue
        #expect(second.payload == [UInt8(number >> 8), UInt8(number & 255)] + first.payload)
        #expect(second.extensions[4] == [0, 2])
        #expect(stream.statistics.retransmittedPackets == 1)
        // Sender reports count the media source alone.
        #expect(stream.senderInformation(now: .zero).packets == 1)
        let third = try stream.packet(range.first, as: .padding)
        #expect(third.header.sequenceNumber == second.header.sequenceNumber.next)
    }

    @Test("Without a retransmission source the packet is sent again as it was")
    func plainRetransmission() throws {
        var stream = SendStream.video(rtx: false)
        let range = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        let original = try stream.packet(range.first)
        let again = try stream.packet(range.first, as: .retransmission)
        #expect(again == original)
        #expect(stream.paddingCandidate == nil)
    }

    @Test("A copy goes with a retransmission that is granted, and within the rate set aside")
    func copies() throws {
        var stream = SendStream.video()
        let range = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        _ = stream.written(range.first, now: .ms(0))
        let beforeAny = stream.grantCopy(of: range.first, now: .ms(20))
        #expect(!beforeAny)
        let granted = stream.requestRetransmission(of: range.first, now: .ms(20))
        let withIt = stream.grantCopy(of: range.first, now: .ms(20))
        #expect(granted && withIt)
        let first = stream.written(range.first, as: .retransmission, now: .ms(20))
        let second = stream.written(range.first, as: .retransmission, now: .ms(21))
        #expect(first != nil && second != nil)
        #expect(stream.statistics.retransmittedPackets == 2)
        // Half a second at 1 kbit/s is 62 bytes: the packet fits once.
        stream.retransmissionRate = .kilobits(1)
        let once = stream.requestRetransmission(of: range.first, now: .ms(1000))
        let twice = stream.grantCopy(of: range.first, now: .ms(1000))
        #expect(once && !twice)
    }

    @Test("Requests for retransmission: once per round trip, ten times, and not for what is gone or waits")
    func requests() throws {
        var stream = SendStream.video(history: 64)
        let range = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        let sequence = range.first
        let firstGranted = stream.requestRetransmission(of: sequence, now: .zero)
        #expect(!firstGranted)
        #expect(stream.dropped[.retransmissionTooSoon] == 1)
        _ = stream.written(sequence, now: .ms(0))
        var now: Int64 = 20
        for attempt in 0..<10 {
            let secondGranted = stream.requestRetransmission(of: sequence, now: .ms(now))
            #expect(secondGranted, "attempt \(attempt)")
            // Queued: a second request adds nothing.
            let thirdGranted = stream.requestRetransmission(of: sequence, now: .ms(now))
            #expect(!thirdGranted)
            _ = stream.written(sequence, as: .retransmission, now: .ms(now + 1))
            let fourthGranted = stream.requestRetransmission(of: sequence, now: .ms(now + 50))
            #expect(!fourthGranted)
            now += 200
        }
        let fifthGranted = stream.requestRetransmission(of: sequence, now: .ms(now))
        #expect(!fifthGranted)
        #expect(stream.dropped[.retransmissionLimit] == 1)
        let sixthGranted = stream.requestRetransmission(of: SequenceNumber(sequence.rawValue &+ 1), now: .ms(now))
        #expect(!sixthGranted)
        #expect(stream.dropped[.retransmissionExpired] == 1)
        for _ in 0..<64 {
            _ = stream.packetize(vp8Frame(50, isKeyframe: false).span, isKeyframe: false, captureTime: .ms(now))
        }
        let seventhGranted = stream.requestRetransmission(of: sequence, now: .ms(now))
        #expect(!seventhGranted)
        #expect(stream.dropped[.retransmissionExpired] == 2)
        let bytes = stream.written(sequence)
        #expect(bytes == nil)
        #expect(stream.dropped[.sendExpired] == 1)
        #expect(stream.size(of: sequence, as: .media) == nil)
    }

    @Test("What came before a keyframe is not sent again once the keyframe went out")
    func superseded() {
        var stream = SendStream.video()
        let older = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .zero).first
        _ = stream.written(older)
        let keyframe = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .ms(33))
            .first
        let whileItWaits = stream.requestRetransmission(of: older, now: .ms(40))
        #expect(whileItWaits)
        _ = stream.written(older, as: .retransmission, now: .ms(41))
        _ = stream.written(keyframe, now: .ms(50))
        let afterwards = stream.requestRetransmission(of: older, now: .ms(200))
        #expect(!afterwards)
        #expect(stream.dropped[.retransmissionSuperseded] == 1)
        let itself = stream.requestRetransmission(of: keyframe, now: .ms(200))
        #expect(itself)
    }

    @Test("A keyframe of 65,536 packets ago, whose number an ordinary packet has now, supersedes nothing")
    func supersededLongAgo() {
        var stream = SendStream.video()
        let keyframe = stream.packetize(vp8Frame(50, isKeyframe: true).span, isKeyframe: true, captureTime: .zero).first
        _ = stream.written(keyframe)
        let frame = vp8Frame(50, isKeyframe: false)
        var newest = keyframe
        for index in 1...65_537 as ClosedRange<Int64> {
            newest = stream.packetize(frame.span, isKeyframe: false, captureTime: .ms(index * 33)).first
            if index > 65_500 { _ = stream.written(newest, now: .ms(index * 33)) }
        }
        let before = SequenceNumber(keyframe.rawValue &- 2)
        #expect(newest.distance(from: before) == 3)
        let isGranted = stream.requestRetransmission(of: before, now: .ms(65_600 * 33))
        #expect(isGranted)
        #expect(stream.dropped[.retransmissionSuperseded] == 0)
    }

    @Test("The delay of sending is that from packetizer to socket, each packet once")
    func sendDelay() {
        var stream = SendStream.video()
        let range = stream.packetize(
            vp8Frame(2000, isKeyframe: true).span, isKeyframe: true, captureTime: .zero, now: .ms(100))
        #expect(range.count == 2)
        for sequence in range { _ = stream.written(sequence, now: .ms(130)) }
        _ = stream.written(range.first, as: .retransmission, now: .ms(900))
        #expect(stream.statistics.totalSendDelay == .milliseconds(60))
    }

    @Test("A frame counts as sent when its last packet is, and not when it is taken back")
    func framesSent() throws {
        var stream = SendStream.video()
        let first = stream.packetize(vp8Frame(2000, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        let numbers = Array(first)
        _ = stream.written(numbers[0])
        #expect(stream.statistics.frames == 0)
        _ = stream.written(numbers[1])
        _ = stream.written(numbers[1], as: .retransmission, now: .ms(100))
        #expect(stream.statistics.frames == 1)
        let second = stream.packetize(vp8Frame(20, isKeyframe: false).span, isKeyframe: false, captureTime: .ms(33))
        stream.withdraw(from: second.first)
        #expect(stream.statistics.frames == 1)
        var random = RandomSource.seeded(1)
        var audio = SendStream(.audio(), ntp: .test, random: &random, origin: .zero)
        for index in 0..<3 as Range<Int64> {
            let range = audio.packetize([0xFC, 1, 2].span, isKeyframe: true, captureTime: .ms(index * 20))
            _ = audio.written(range.first)
        }
        #expect(audio.statistics.frames == 3)
    }

    @Test("Retransmissions keep to the rate set aside for them")
    func budget() {
        var stream = SendStream.video()
        stream.retransmissionRate = .kilobits(80)
        let range = stream.packetize(vp8Frame(50_000, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        for sequence in range { _ = stream.written(sequence) }
        // 80 kbit/s for half a second are 5,000 bytes: four packets.
        let granted = range.filter { stream.requestRetransmission(of: $0, now: .ms(500)) }
        #expect(granted.count == 4)
        #expect(stream.dropped[.retransmissionBudget] == UInt64(range.count - 4))
    }

    @Test("Padding")
    func padding() throws {
        var stream = SendStream.video()
        var packet = PacketBuffer(capacity: 1500)
        let extensions = SendTimeExtensions(transportSequence: SequenceNumber(7))
        let wasWritten = stream.writePadding(224, extensions: extensions, into: &packet, now: .ms(1))
        #expect(wasWritten)
        let read = try ReadPacket(packet.bytes.copied())
        #expect(read.paddingSize == 224)
        #expect(read.payload.isEmpty)
        #expect(read.header.ssrc == SSRC(0x2222_2222))
        #expect(read.extensions[4] == [0, 7])
        #expect(stream.paddingCandidate == nil)
        let range = stream.packetize(vp8Frame(3000, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
        _ = stream.written(range.first)
        #expect(stream.paddingCandidate == range.first)
    }

    @Test("A frame that needs more than half of the history is refused and counted")
    func tooLarge() {
        var stream = SendStream.video(history: 16)
        let range = stream.packetize(vp8Frame(20_000, isKeyframe: true).span, isKeyframe: true, captureTime: .zero)
            .isEmpty
        #expect(range)
        #expect(stream.dropped[.frameTooLarge] == 1)
        let nothing: [UInt8] = []
        let isRefused = stream.packetize(nothing.span, isKeyframe: true, captureTime: .zero).isEmpty
        #expect(isRefused)
        #expect(stream.dropped[.frameTooLarge] == 1)
    }

    @Test("A sender report maps capture time to NTP time, for both streams alike")
    func senderReport() {
        var random = RandomSource.seeded(1)
        let video = SendStream(.video(random: &random), ntp: .test, random: &random, origin: .ms(10))
        let audio = SendStream(.audio(), ntp: .test, random: &random, origin: .ms(20))
        let report = video.senderInformation(now: .ms(1510))
        // 2024-01-01 is 3,913,056,000 s after 1900; 1,510 ms later the fraction is .51.
        #expect(report.ntp >> 32 == 3_913_056_001)
        #expect(abs(Double(report.ntp & 0xFFFF_FFFF) / 4_294_967_296 - 0.51) < 1e-6)
        #expect(report.timestamp == video.timestamp(at: .ms(1510)))
        #expect(report.ntp == audio.senderInformation(now: .ms(1510)).ntp)
        #expect(video.timestamp(at: .ms(1510)) &- video.timestamp(at: .ms(10)) == 135_000)
        #expect(audio.timestamp(at: .ms(1510)) &- audio.timestamp(at: .ms(20)) == 71_520)
    }

    @Test("Opus: one packet per frame; the marker begins a talkspurt")
    func opus() throws {
        var random = RandomSource.seeded(1)
        var stream = SendStream(.audio(), ntp: .test, random: &random, origin: .zero)
        func marker(_ at: Int64) throws -> Bool {
            let range = stream.packetize([0xFC, 1, 2].span, isKeyframe: true, captureTime: .ms(at))
            #expect(range.count == 1)
            let packet = try stream.packet(range.first)
            #expect(packet.payload == [0xFC, 1, 2])
            return packet.header.hasMarker
        }
        #expect(try marker(0))
        #expect(try !marker(20))
        #expect(try !marker(40))
        #expect(try marker(440))
        #expect(
            stream.packetize([UInt8](repeating: 0, count: 1250).span, isKeyframe: true, captureTime: .ms(460)).isEmpty)
    }

    @Test("Capture time goes out once a second, on a frame's first packet")
    func captureTime() throws {
        var stream = SendStream.video(ids: HeaderExtensionIDs(absoluteCaptureTime: 6))
        var carried: [Int] = []
        for index in 0..<45 {
            let now = Instant.ms(Int64(index) * 50)
            let range = stream.packetize(
                vp8Frame(2000, isKeyframe: index == 0).span, isKeyframe: index == 0, captureTime: now)
            for (place, sequence) in range.enumerated() {
                guard let value = try stream.packet(sequence, now: now).extensions[6] else { continue }
                #expect(value.count == 8)
                #expect(place == 0)
                carried.append(index)
            }
        }
        #expect(carried == [0, 20, 40])
    }
}
