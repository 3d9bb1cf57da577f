import Primitives
import RTP
import Testing

/// A kiosk that sends and a monitor that receives, with a network between them that a test decides on.
struct RTPPair {
    var kiosk: RTPSession
    var monitor: RTPSession
    var video: Int
    var now: Instant = .zero
    var transportSequence: UInt16 = 0xFFF0
    /// Packets that wait for the link: what the pacer's queue would hold.
    var queue: [(sequence: SequenceNumber, kind: PacketKind)] = []
    var events: [RTPSession.Event] = []
    var frames: [[UInt8]] = []
    var delay: Duration = .milliseconds(20)
    var inFlight: [(at: Instant, toMonitor: Bool, bytes: [UInt8])] = []
    var random = RandomSource.seeded(99)

    init(reducedSize: Bool = true, usesNack: Bool = true) {
        kiosk = RTPSession(
            .init(cname: "kiosk", ntp: .test, usesReducedSize: reducedSize), random: .seeded(1))
        monitor = RTPSession(
            .init(cname: "monitor", ntp: .test, usesReducedSize: reducedSize, receivedTransportSequenceID: 4),
            random: .seeded(2))
        var random = RandomSource.seeded(3)
        video = kiosk.addSendStream(.video(history: 1024, random: &random), now: .zero)
        _ = monitor.addReceiveStream(
            .init(
                codec: .video(.vp8), payloadType: .of(96), retransmissionType: .of(97), clockRate: 90_000,
                usesNack: usesNack),
            ssrc: SSRC(0x1111_1111), retransmissionSSRC: SSRC(0x2222_2222))
    }

    mutating func send(_ frame: [UInt8], isKeyframe: Bool) {
        for sequence in kiosk.packetize(frame.span, on: video, isKeyframe: isKeyframe, captureTime: now, now: now) {
            queue.append((sequence, .media))
        }
    }

    /// One millisecond: everything waiting is sent, what is due arrives. `loses` decides on each media packet.
    mutating func step(loses: (inout RandomSource) -> Bool = { _ in false }) {
        now += .milliseconds(1)
        for item in queue {
            var packet = PacketBuffer(capacity: 1500)
            let extensions = SendTimeExtensions(transportSequence: SequenceNumber(transportSequence))
            transportSequence &+= 1
            guard kiosk.write(item.sequence, on: video, as: item.kind, extensions: extensions, into: &packet, now: now)
            else { continue }
            if !loses(&random) { inFlight.append((now + delay, true, packet.bytes.copied())) }
        }
        queue = []
        kiosk.handleTimeout(now: now)
        monitor.handleTimeout(now: now)
        inFlight += RTPPair.drain(&kiosk, now: now).map { (now + delay, true, $0) }
        inFlight += RTPPair.drain(&monitor, now: now).map { (now + delay, false, $0) }
        for packet in inFlight where packet.at <= now {
            if !packet.toMonitor {
                kiosk.handleRTCP(packet.bytes.span, now: now)
            } else if isRTCP(packet.bytes.span) {
                monitor.handleRTCP(packet.bytes.span, now: now)
            } else {
                monitor.handleRTP(packet.bytes.span, now: now)
            }
        }
        inFlight.removeAll { $0.at <= now }
        while let event = kiosk.pollEvent() {
            events.append(event)
            if case .retransmit(_, let sequence) = event { queue.append((sequence, .retransmission)) }
        }
        var frame: [UInt8] = []
        while monitor.nextFrame(on: 0, into: &frame, now: now) != nil {
            frames.append(frame)
            frame = []
        }
    }

    private static func drain(_ session: inout RTPSession, now: Instant) -> [[UInt8]] {
        var packets: [[UInt8]] = []
        var packet = PacketBuffer(capacity: 1500)
        while session.pollTransmit(into: &packet, now: now) {
            packets.append(packet.bytes.copied())
            packet.removeAll()
        }
        return packets
    }
}

@Suite("An RTP session")
struct RTPSessionTests {
    @Test("Frames arrive whole and in order over a perfect link, and reports measure it")
    func perfect() throws {
        var pair = RTPPair()
        var sent: [[UInt8]] = []
        for index in 0..<100 {
            let frame = vp8Frame(500 + index * 40, isKeyframe: index == 0, seed: UInt8(index))
            sent.append(frame)
            pair.send(frame, isKeyframe: index == 0)
            for _ in 0..<33 { pair.step() }
        }
        for _ in 0..<50 { pair.step() }
        #expect(pair.frames == sent)
        let stream = pair.kiosk.sendStreams[0]
        let time = try #require(stream.roundTripTime)
        #expect(time >= .milliseconds(39) && time <= .milliseconds(43))
        let statistics = stream.statistics
        #expect(statistics.roundTripTime == time && statistics.roundTripTimeMeasurements >= 2)
        let mean = statistics.totalRoundTripTime.seconds / Double(statistics.roundTripTimeMeasurements)
        #expect(0.039...0.043 ~= mean)
        #expect(stream.statistics.remoteFractionLost == 0)
        #expect(stream.statistics.remotePacketsLost == 0)
        #expect(pair.events.contains(.transportFeedback))
        #expect(pair.kiosk.dropped.total == 0)
        #expect(pair.monitor.dropped.total == 0)
    }

    @Test("Lost packets are asked for and come again", arguments: [0.02, 0.1, 0.3])
    func loss(rate: Double) throws {
        var pair = RTPPair()
        var sent: [[UInt8]] = []
        for index in 0..<150 {
            let frame = vp8Frame(3000, isKeyframe: index == 0, seed: UInt8(index))
            sent.append(frame)
            pair.send(frame, isKeyframe: index == 0)
            for _ in 0..<33 { pair.step { Double.random(in: 0..<1, using: &$0) < rate } }
        }
        for _ in 0..<1500 { pair.step() }
        // Every frame but those behind a loss that only the end of the stream could have shown.
        #expect(pair.frames == Array(sent.prefix(pair.frames.count)))
        #expect(pair.frames.count >= sent.count - 2)
        #expect(pair.kiosk.sendStreams[0].statistics.retransmittedPackets > 0)
        #expect(pair.kiosk.sendStreams[0].statistics.remotePacketsLost >= 0)
    }

    @Test("A gap that stays is given up, a keyframe asked for, and video goes on from it")
    func outage() throws {
        var pair = RTPPair(usesNack: false)
        pair.send(vp8Frame(3000, isKeyframe: true), isKeyframe: true)
        for _ in 0..<33 { pair.step() }
        for _ in 0..<30 {
            pair.send(vp8Frame(3000, isKeyframe: false), isKeyframe: false)
            for _ in 0..<33 { pair.step { _ in true } }
        }
        pair.events = []
        var keyframes = 0
        for _ in 0..<60 {
            let isKeyframe = pair.events.contains(.keyframeRequested(stream: 0)) && keyframes == 0
            if isKeyframe { keyframes += 1 }
            pair.send(vp8Frame(3000, isKeyframe: isKeyframe), isKeyframe: isKeyframe)
            for _ in 0..<33 { pair.step() }
        }
        #expect(keyframes == 1)
        #expect(pair.frames.count >= 25)
        #expect(pair.monitor.receiveStreams[0].statistics.keyframes == 2)
        #expect(pair.monitor.receiveStreams[0].statistics.pictureLossIndications >= 1)
    }

    @Test("A whole keyframe behind a gap is shown at once")
    func keyframeBehindGap() {
        var pair = RTPPair(usesNack: false)
        pair.send(vp8Frame(3000, isKeyframe: true), isKeyframe: true)
        for _ in 0..<33 { pair.step() }
        pair.send(vp8Frame(3000, isKeyframe: false), isKeyframe: false)
        for _ in 0..<33 { pair.step { _ in true } }
        pair.send(vp8Frame(3000, isKeyframe: false, seed: 1), isKeyframe: false)
        for _ in 0..<33 { pair.step() }
        #expect(pair.frames.count == 1, "a picture that refers to a lost one waits")
        pair.send(vp8Frame(3000, isKeyframe: true, seed: 2), isKeyframe: true)
        for _ in 0..<50 { pair.step() }
        #expect(pair.frames.count == 2, "half a second of patience would not be over")
    }

    @Test("The first report follows the first packet at once; the next ones half to one and a half seconds apart")
    func reportTimes() throws {
        var pair = RTPPair()
        #expect(pair.kiosk.nextTimeout == nil)
        var packet = PacketBuffer(capacity: 1500)
        let firstReport = pair.kiosk.pollTransmit(into: &packet, now: .zero)
        #expect(!firstReport)
        pair.send(vp8Frame(100, isKeyframe: true), isKeyframe: true)
        let range = pair.queue[0].sequence
        let wasWritten = pair.kiosk.write(range, on: 0, as: .media, extensions: .init(), into: &packet, now: .zero)
        #expect(wasWritten)
        packet.removeAll()
        let secondReport = pair.kiosk.pollTransmit(into: &packet, now: .zero)
        #expect(secondReport)
        #expect(packet.bytes[1] == 200)
        packet.removeAll()
        let thirdReport = pair.kiosk.pollTransmit(into: &packet, now: .zero)
        #expect(!thirdReport)
        var now = Instant.zero
        for _ in 0..<20 {
            let wake = try #require(pair.kiosk.nextTimeout)
            #expect(wake.reason == .rtcpReport)
            #expect(wake.at - now >= .milliseconds(500) && wake.at - now <= .milliseconds(1500))
            now = wake.at
            pair.kiosk.handleTimeout(now: now)
            packet.removeAll()
            let fourthReport = pair.kiosk.pollTransmit(into: &packet, now: now)
            #expect(fourthReport)
        }
    }

    @Test("Without reduced size, feedback stands behind a report")
    func compoundFeedback() {
        for reducedSize in [true, false] {
            var pair = RTPPair(reducedSize: reducedSize)
            // A frame that is no keyframe: the monitor asks for one.
            pair.send(vp8Frame(100, isKeyframe: false), isKeyframe: false)
            for _ in 0..<21 { pair.step() }
            var packet = PacketBuffer(capacity: 1500)
            var types: [UInt8] = []
            pair.monitor.handleTimeout(now: pair.now)
            while pair.monitor.pollTransmit(into: &packet, now: pair.now) {
                types.append(packet.bytes[1])
                packet.removeAll()
            }
            #expect(types == [reducedSize ? 206 : 201])
        }
    }

    @Test("PLI and FIR ask for a keyframe; a repeated FIR does not")
    func keyframeRequests() {
        var pair = RTPPair()
        func fir(_ sequence: UInt8) -> [UInt8] {
            [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, sequence, 0, 0, 0]
        }
        pair.kiosk.handleRTCP([0x81, 206, 0, 2, 0, 0, 0, 1, 0x11, 0x11, 0x11, 0x11].span, now: .zero)
        let firstEvent = pair.kiosk.pollEvent()
        #expect(firstEvent == .keyframeRequested(stream: 0))
        pair.kiosk.handleRTCP(fir(1).span, now: .zero)
        let secondEvent = pair.kiosk.pollEvent()
        #expect(secondEvent == .keyframeRequested(stream: 0))
        pair.kiosk.handleRTCP(fir(1).span, now: .ms(10))
        let thirdEvent = pair.kiosk.pollEvent()
        #expect(thirdEvent == nil)
        #expect(pair.kiosk.sendStreams[0].dropped[.repeatedFullIntraRequest] == 1)
        pair.kiosk.handleRTCP(fir(2).span, now: .ms(20))
        let fourthEvent = pair.kiosk.pollEvent()
        #expect(fourthEvent == .keyframeRequested(stream: 0))
        pair.kiosk.handleRTCP([0x81, 206, 0, 2, 0, 0, 0, 1, 9, 9, 9, 9].span, now: .zero)
        let fifthEvent = pair.kiosk.pollEvent()
        #expect(fifthEvent == nil)
        #expect(pair.kiosk.dropped[.unknownSource] == 1)
    }

    @Test("Broken RTCP is counted; what stood before the error is used")
    func brokenReport() {
        var pair = RTPPair()
        pair.kiosk.handleRTCP(
            [0x81, 206, 0, 2, 0, 0, 0, 1, 0x11, 0x11, 0x11, 0x11, 0x80, 201, 0, 9].span, now: .zero)
        let event = pair.kiosk.pollEvent()
        #expect(event == .keyframeRequested(stream: 0))
        #expect(pair.kiosk.dropped[.malformedReport] == 1)
    }

    @Test("Goodbye names every source")
    func goodbye() throws {
        var pair = RTPPair()
        pair.kiosk.sayGoodbye()
        var packet = PacketBuffer(capacity: 1500)
        let hasReport = pair.kiosk.pollTransmit(into: &packet, now: .zero)
        #expect(hasReport)
        pair.monitor.handleRTCP(packet.bytes, now: .zero)
        let firstEvent = pair.monitor.pollEvent()
        #expect(firstEvent == .goodbye(SSRC(0x1111_1111)))
        let secondEvent = pair.monitor.pollEvent()
        #expect(secondEvent == .goodbye(SSRC(0x2222_2222)))
    }

    @Test("Once the peer has reported, packets no longer name their section")
    func midUntilAcknowledged() throws {
        var pair = RTPPair()
        func midOfNextPacket() throws -> [UInt8]? {
            let range = pair.kiosk.packetize(
                vp8Frame(10, isKeyframe: true).span, on: 0, isKeyframe: true, captureTime: .zero, now: .zero)
            var packet = PacketBuffer(capacity: 1500)
            let wasWritten = pair.kiosk.write(
                range.first, on: 0, as: .media, extensions: .init(), into: &packet, now: .zero)
            #expect(wasWritten)
            return try ReadPacket(packet.bytes.copied()).extensions[9]
        }
        #expect(try midOfNextPacket() == [0x30])
        let report: [UInt8] = [
            0x81, 201, 0, 7, 0, 0, 0, 1, 0x11, 0x11, 0x11, 0x11, 0, 0, 0, 0, 0, 1, 0, 5, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0,
            0, 0,
        ]
        pair.kiosk.handleRTCP(report.span, now: .ms(5))
        #expect(try midOfNextPacket() == nil)
    }

    @Test("What transport-wide feedback says is what arrived", arguments: [0.0, 0.05, 0.5])
    func feedback(loss: Double) throws {
        var pair = RTPPair()
        var sent = 0
        var told: [UInt16: Instant?] = [:]
        for index in 0..<200 {
            pair.send(vp8Frame(2400, isKeyframe: index == 0), isKeyframe: index == 0)
            sent += 3
            for _ in 0..<10 {
                pair.step { Double.random(in: 0..<1, using: &$0) < loss }
                for arrival in pair.kiosk.packetArrivals {
                    if let time = arrival.arrival {
                        told[arrival.sequence.rawValue] = time
                    } else if told[arrival.sequence.rawValue] == nil {
                        told[arrival.sequence.rawValue] = .some(nil)
                    }
                }
            }
        }
        let received = told.values.compactMap { $0 }.count
        #expect(Double(received) >= Double(told.count) * (1 - loss) * 0.8)
        #expect(told.count > 500)
        #expect(pair.kiosk.dropped.total == 0)
    }
}
