import Primitives
import RTP
import Testing

@Suite("RTCP")
struct RTCPTests {
    /// What one datagram says, as lines.
    func transcript(_ bytes: [UInt8]) throws -> [String] {
        var lines: [String] = []
        var reader = RTCPReader(bytes.span)
        while let packet = try reader.next() {
            switch packet {
            case .senderReport(let ssrc, let information, let blocks):
                lines.append("SR \(ssrc) packets \(information.packets) blocks \(blocks.count)")
            case .receiverReport(let ssrc, let blocks):
                lines.append(
                    "RR \(ssrc)"
                        + (0..<blocks.count).map { " \(blocks[$0].ssrc):\(blocks[$0].cumulativeLost)" }.joined())
            case .sourceDescription: lines.append("SDES")
            case .goodbye(let sources): lines.append("BYE" + (0..<sources.count).map { " \(sources[$0])" }.joined())
            case .nack(let media, let items):
                lines.append(
                    "NACK \(media)" + (0..<items.count).flatMap { items[$0].map { " \($0.rawValue)" } }.joined())
            case .pictureLossIndication(let media): lines.append("PLI \(media)")
            case .fullIntraRequest(let requests):
                lines.append(
                    "FIR" + (0..<requests.count).map { " \(requests[$0].ssrc)/\(requests[$0].sequence)" }.joined())
            case .receiverEstimate(let rate, let sources):
                lines.append("REMB \(rate.bitsPerSecond) of \(sources.count)")
            case .transportFeedback(let feedback):
                lines.append("TWCC \(feedback.base.rawValue)+\(feedback.statusCount)")
            case .other(let type): lines.append("other \(type)")
            }
        }
        return lines
    }

    @Test("A compound of everything a browser sends")
    func compound() throws {
        let bytes: [UInt8] = [
            // RR with one block: 16 lost of 256, -2 in all
            0x81, 201, 0, 7, 0, 0, 0, 1, 0x11, 0x11, 0x11, 0x11, 0x10, 0xFF, 0xFF, 0xFE, 0, 1, 0, 5, 0, 0, 0, 9, 0, 0,
            0, 0, 0, 0, 0, 0,
            // SDES with CNAME "ab"
            0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, 0x61, 0x62, 0, 0, 0, 0,
            // NACK of 100, 101, 116
            0x81, 205, 0, 3, 0, 0, 0, 1, 0x11, 0x11, 0x11, 0x11, 0, 100, 0x80, 0x01,
            // PLI
            0x81, 206, 0, 2, 0, 0, 0, 1, 0x11, 0x11, 0x11, 0x11,
            // FIR, sequence number 7
            0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, 7, 0, 0, 0,
            // REMB: 1 source, exponent 2, mantissa 250,000
            0x8F, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0x52, 0x45, 0x4D, 0x42, 1, 0x0B, 0xD0, 0x90, 0x11, 0x11, 0x11,
            0x11,
            // XR
            0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 0,
            // BYE
            0x81, 203, 0, 1, 0, 0, 0, 1,
        ]
        #expect(
            try transcript(bytes) == [
                "RR 1 286331153:-2", "SDES", "NACK 286331153 100 101 116", "PLI 286331153", "FIR 286331153/7",
                "REMB 1000000 of 1", "other 207", "BYE 1",
            ])
    }

    @Test(
        "Broken RTCP",
        arguments: [
            ([0x80, 201, 0], RTPError.truncated),
            ([0x80, 201, 0, 2, 0, 0, 0, 1], .truncated),
            ([0x40, 201, 0, 1, 0, 0, 0, 1], .unsupportedVersion),
            ([0x81, 201, 0, 1, 0, 0, 0, 1], .malformedReport),
            ([0x80, 200, 0, 1, 0, 0, 0, 1], .malformedReport),
            ([0xA0, 201, 0, 1, 0, 0, 0, 0], .malformedPadding),
            ([0xA0, 201, 0, 1, 0, 0, 0, 5], .malformedPadding),
            ([0xA0, 203, 0, 1, 0, 0, 0, 4, 0x80, 203, 0, 0], .malformedPadding),
            ([0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x52, 0x45, 0x4D, 0x42, 9, 0, 0, 0], .malformedReport),
            ([0x8F, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0], .malformedReport),
        ] as [([UInt8], RTPError)])
    func broken(bytes: [UInt8], error: RTPError) {
        #expect(throws: error) { try transcript(bytes) }
    }

    @Test("A REMB beyond 63 bits means no bound")
    func hugeEstimate() throws {
        let bytes: [UInt8] = [0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x52, 0x45, 0x4D, 0x42, 0, 0xFF, 0xFF, 0xFF]
        #expect(try transcript(bytes) == ["REMB 9223372036854775807 of 0"])
    }

    // Captured from Chrome; also among the vectors of other stacks.
    @Test("Transport-wide feedback of one packet, with padding")
    func capturedFeedback() throws {
        let bytes: [UInt8] = [
            0xAF, 0xCD, 0x00, 0x05, 0xFA, 0x17, 0xFA, 0x17, 0x43, 0x03, 0x2F, 0xA0, 0x00, 0x99, 0x00, 0x01, 0x3D, 0xE8,
            0x02,
            0x17, 0x20, 0x01, 0x94, 0x01,
        ]
        #expect(
            try arrivals(bytes) == [
                PacketArrival(
                    sequence: SequenceNumber(153),
                    arrival: Instant(nanoseconds: (0x3DE802 * 64_000 + 0x94 * 250) * 1000))
            ])
    }

    func arrivals(_ bytes: [UInt8]) throws -> [PacketArrival] {
        var reader = RTCPReader(bytes.span)
        var arrivals: [PacketArrival] = []
        var reference = ReferenceTime()
        while let packet = try reader.next() {
            guard case .transportFeedback(let feedback) = packet else { continue }
            try feedback.read(into: &arrivals, following: &reference, now: .zero)
        }
        return arrivals
    }

    @Test("Every kind of chunk and delta")
    func chunks() throws {
        let bytes: [UInt8] = [
            0x8F, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2,
            0xFF, 0xFE, 0, 26,  // base 65,534: the numbers wrap; 26 statuses
            0xFF, 0xFF, 0xFF, 5,  // reference time -1
            0x00, 0x03,  // run: three not received
            0xA0, 0x01,  // one bit each: 14, the first and the last received
            0xD8, 0x00,  // two bits each: 7, small and large
            0x20, 0x02,  // run: two small
            0x01, 0x02, 0x03, 0xFF, 0xFC, 0x04, 0x05, 0x00,
        ]
        let read = try arrivals(bytes)
        #expect(read.count == 26)
        #expect(read.map(\.sequence.rawValue).prefix(3) == [65_534, 65_535, 0])
        let received = read.enumerated().filter { $0.element.arrival != nil }.map(\.offset)
        #expect(received == [3, 16, 17, 18, 24, 25])
        let micro = read.compactMap { $0.arrival.map { $0.nanoseconds / 1000 } }
        #expect(micro == [-63_750, -63_250, -62_500, -63_500, -62_500, -61_250])
    }

    @Test("Feedback that ends early is refused whole")
    func truncatedFeedback() throws {
        let whole: [UInt8] = [0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 0, 0x20, 0x03, 1, 2]
        #expect(throws: RTPError.malformedPayload) { try arrivals(whole) }
        let reserved: [UInt8] = [0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 1, 0, 0, 1, 0, 0x60, 0x01, 1, 2]
        #expect(throws: RTPError.malformedPayload) { try arrivals(reserved) }
        let endless: [UInt8] = [
            0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0xFF, 0xFF, 0, 0, 1, 0, 0x1F, 0xFF, 0, 0,
        ]
        #expect(throws: RTPError.malformedPayload) { try arrivals(endless) }
    }

    @Test("Reference times are followed over their wrap")
    func referenceWrap() throws {
        func feedback(_ reference: UInt32) -> [UInt8] {
            [
                0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 1, UInt8(reference >> 16),
                UInt8(reference >> 8 & 255), UInt8(reference & 255), 0, 0x20, 1, 0, 0,
            ]
        }
        var reference = ReferenceTime()
        var times: [Int64] = []
        for (value, now) in [
            (0x7F_FFFF, Instant.zero), (0x80_0000, .zero), (0xFF_FFFF, .ms(0x7F_FFFF * 64)), (0, .ms(0x7F_FFFF * 64)),
        ] as [(UInt32, Instant)] {
            let bytes = feedback(value)
            var reader = RTCPReader(bytes.span)
            var arrivals: [PacketArrival] = []
            guard case .transportFeedback(let feedback) = try reader.next() else { continue }
            try feedback.read(into: &arrivals, following: &reference, now: now)
            times.append(try #require(arrivals.first?.arrival).nanoseconds / 64_000_000)
        }
        #expect(times == [0x7F_FFFF, 0x80_0000, 0xFF_FFFF, 0x100_0000])
    }
}
