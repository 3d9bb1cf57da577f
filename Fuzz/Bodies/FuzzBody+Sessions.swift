import Congestion
import Primitives
import RTP
import SDP

/// Whatever parses is written and parsed again to the same description, and answered, if it can be, by a description
/// that parses. Offers are divided by a zero byte and come one after another to the same negotiator.
func fuzzSDP(_ input: [UInt8]) {
    var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(3))
    let transport = LocalTransport(
        credentials: ICECredentials(usernameFragment: "abcd", password: "0123456789abcdefghijkl"),
        fingerprints: [Fingerprint(algorithm: .sha256, digest: Array(repeating: 1, count: 32))],
        candidates: ["candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"])
    for part in input.split(separator: 0).prefix(8) {
        guard let offer = try? SessionDescription(parsing: String(decoding: part, as: UTF8.self)) else { continue }
        let again = try? SessionDescription(parsing: offer.text)
        precondition(again == offer, "sdp: writing and parsing again changed the description")
        _ = negotiator.isICERestart(offer)
        guard let answer = try? negotiator.answer(offer, with: transport) else { continue }
        let read = try? SessionDescription(parsing: answer.text)
        precondition(read?.media.count == offer.media.count, "sdp: an answer that cannot be read")
    }
}

/// Steps of a session that sends and receives: each is led by a byte that says what, and one that says how much.
func fuzzRTP(_ input: [UInt8]) {
    var machine = FuzzedSession()
    var offset = 0
    while offset + 1 < input.count {
        let size = min(Int(input[offset + 1]) * 4, input.count - offset - 2)
        machine.step(input[offset], Array(input[offset + 2..<offset + 2 + size]))
        offset += 2 + size
    }
    var reader = ByteReader(input.span)
    guard let descriptor = try? VP8PayloadDescriptor(parsing: &reader) else { return }
    guard let written = [UInt8].written({ descriptor.write(into: &$0) }) else {
        preconditionFailure("vp8: a descriptor that cannot be written")
    }
    var again = ByteReader(written.span)
    let same = try? VP8PayloadDescriptor(parsing: &again)
    precondition(same == descriptor, "vp8: writing and reading again changed the descriptor")
}

private struct FuzzedSession {
    var session: RTPSession
    var now: Instant = .zero
    let stream: Int

    init() {
        let clock = NTPClock(WallClock(secondsSince1970: 1_790_000_000), at: .zero)
        session = RTPSession(
            .init(cname: "fuzz", ntp: clock, usesReducedSize: true, receivedTransportSequenceID: 4), random: .seeded(1))
        var random = RandomSource.seeded(2)
        stream = session.addSendStream(
            .init(
                packetizer: Packetizer(.video(.vp8), random: &random), ssrc: SSRC(0x1111_1111),
                payloadType: PayloadType(masking: 96), retransmissionSSRC: SSRC(0x2222_2222),
                retransmissionType: PayloadType(masking: 97), clockRate: 90_000, mid: "0",
                extensionIDs: HeaderExtensionIDs(mid: 9, transportSequence: 4), historyCapacity: 32),
            now: .zero)
        for (codec, source) in [(MediaCodec.video(.vp8), UInt32(0x3333_3333)), (.opus, 0x4444_4444)] {
            _ = session.addReceiveStream(
                .init(
                    codec: codec, payloadType: PayloadType(masking: 96), retransmissionType: PayloadType(masking: 97),
                    clockRate: 90_000, usesNack: true),
                ssrc: SSRC(source), retransmissionSSRC: SSRC(source + 1))
        }
    }

    mutating func step(_ operation: UInt8, _ bytes: [UInt8]) {
        var packet = PacketBuffer(capacity: 1500)
        now += .milliseconds(Int64(operation >> 3))
        switch operation & 7 {
        case 0...1: session.handleRTP(bytes.span, now: now)
        case 2...4: session.handleRTCP(bytes.span, now: now)
        case 5:
            for sequence in session.packetize(bytes.span, on: stream, isKeyframe: false, captureTime: now, now: now) {
                _ = session.write(sequence, on: stream, as: .media, extensions: .init(), into: &packet, now: now)
                packet.removeAll()
            }
        case 6: now += .seconds(1)
        default: session.sayGoodbye()
        }
        settle()
    }

    mutating func settle() {
        session.handleTimeout(now: now)
        var packet = PacketBuffer(capacity: 1500)
        while let event = session.pollEvent() {
            guard case .retransmit(let stream, let sequence) = event else { continue }
            _ = session.write(
                sequence, on: stream, as: .retransmission, extensions: .init(), into: &packet, now: now)
            packet.removeAll()
        }
        var frame: [UInt8] = []
        for stream in session.receiveStreams.indices {
            while session.nextFrame(on: stream, into: &frame, now: now) != nil { frame = [] }
        }
        var count = 0
        while session.pollTransmit(into: &packet, now: now) {
            packet.removeAll()
            count += 1
            precondition(count < 100, "rtp: a session that never goes idle")
        }
        if let wake = session.nextTimeout {
            precondition(wake.at > now, "rtp: a deadline that is not in the future: \(wake.reason)")
        }
    }
}

/// Steps of a congestion controller: packets sent, feedback of any sort, time; of one for a peer that reports each packet,
/// and of one for a peer that does not.
func fuzzCongestion(_ input: [UInt8]) {
    for usesFeedback in [true, false] { fuzzCongestion(input, usesFeedback: usesFeedback) }
}

private func fuzzCongestion(_ input: [UInt8], usesFeedback: Bool) {
    let configuration = CongestionConfiguration(usesTransportFeedback: usesFeedback)
    var controller = CongestionController(configuration, now: .zero)
    var now = Instant.zero
    for step in stride(from: 0, to: input.count - 3, by: 4) {
        let (operation, first, second, third) = (input[step], input[step + 1], input[step + 2], input[step + 3])
        let value = Int64(first) << 8 | Int64(second)
        now += .milliseconds(Int64(third) / 4)
        switch operation % 8 {
        case 0...2: sendAll(&controller, count: Int(first) % 32, now: now)
        case 3...4:
            let base = controller.nextSequence.rawValue &- UInt16(first)
            controller.handle(
                (0..<UInt16(second) % 64).map { index in
                    let isLost = third >> (index & 7) & 1 == 1
                    return PacketArrival(
                        sequence: SequenceNumber(base &+ index),
                        arrival: isLost ? nil : now + .microseconds(value * Int64(index) - 20_000))
                }, now: now)
        case 5: controller.handle(receiverEstimate: Bitrate(bitsPerSecond: value * value * 1000), now: now)
        case 6:
            value % 2 == 0
                ? controller.handle(receiverEstimate: Bitrate(bitsPerSecond: value * 10), now: now)
                : controller.handle(lossFraction: Double(third) / 255, now: now)
        default:
            third > 250
                ? controller.pathChanged(now: now) : controller.handle(roundTripTime: .milliseconds(value), now: now)
        }
        controller.handleTimeout(now: now)
        precondition(
            controller.target >= configuration.minimum && controller.target <= configuration.maximum,
            "congestion: a target outside its bounds")
        if let wake = controller.nextTimeout(PacerQueues()) {
            precondition(wake.at > now, "congestion: a deadline that is not in the future: \(wake.reason)")
        }
    }
}

private func sendAll(_ controller: inout CongestionController, count: Int, now: Instant) {
    var left = count
    for _ in 0..<100 {
        let queues = PacerQueues(
            hasAudio: left % 5 == 1, hasVideo: left > 0, waiting: DataSize(bytes: left * 1000), canPad: count % 2 == 0)
        switch controller.next(queues, now: now) {
        case .send(let kind, let probe):
            controller.packetSent(DataSize(bytes: 1000), as: kind, probe: probe, now: now)
            left -= 1
        case .pad(let size, let probe): controller.packetSent(size, as: .padding, probe: probe, now: now)
        case .wait:
            if let wake = controller.pacer.nextTimeout(queues) {
                precondition(wake.at > now, "pacer: a deadline that is not in the future")
            }
            return
        }
    }
    preconditionFailure("pacer: never says to wait")
}
