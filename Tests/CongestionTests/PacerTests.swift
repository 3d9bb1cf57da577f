import Congestion
import Primitives
import Testing

extension Instant {
    static func ms(_ value: Double) -> Instant { Instant(nanoseconds: Int64(value * 1e6)) }
}

@Suite("The pacer")
struct PacerTests {
    func video(_ waiting: Int = 1000) -> PacerQueues {
        PacerQueues(hasVideo: true, waiting: DataSize(bytes: waiting))
    }

    @Test("Sound first and at once, then retransmissions, then video")
    func order() {
        var pacer = Pacer(rate: .kilobits(800), now: .zero)
        let all = PacerQueues(hasAudio: true, hasRetransmission: true, hasVideo: true, waiting: DataSize(bytes: 3000))
        let first = pacer.next(all, now: .zero)
        #expect(first == .send(.audio, probe: nil))
        let second = pacer.next(PacerQueues(hasRetransmission: true, hasVideo: true), now: .zero)
        #expect(second == .send(.retransmission, probe: nil))
        pacer.packetSent(DataSize(bytes: 1200), as: .retransmission, probe: nil, now: .zero)
        // In debt: sound goes all the same.
        let third = pacer.next(video(), now: .zero)
        #expect(third == .wait)
        let fourth = pacer.next(all, now: .zero)
        #expect(fourth == .send(.audio, probe: nil))
    }

    @Test("Video keeps to one and a half times the target, and one wake tells when")
    func rate() throws {
        var pacer = Pacer(rate: .kilobits(800), now: .zero)
        var now = Instant.zero
        var sent = 0
        while now < .ms(1000) {
            switch pacer.next(video(), now: now) {
            case .send(let kind, _):
                #expect(kind == .video)
                pacer.packetSent(DataSize(bytes: 1000), as: .video, probe: nil, now: now)
                sent += 1000
            case .pad: Issue.record("nothing to pad for")
            case .wait:
                let wake = try #require(pacer.nextTimeout(video()))
                #expect(wake.at > now)
                now = wake.at
            }
        }
        #expect(abs(sent - 150_000) <= 2000)
        #expect(pacer.nextTimeout(PacerQueues()) == nil)
    }

    @Test("A long queue goes faster, but never beyond two and a half times the target")
    func longQueue() throws {
        func wait(_ waiting: Int) throws -> Double {
            var pacer = Pacer(rate: .kilobits(800), now: .zero)
            pacer.packetSent(DataSize(bytes: 1000), as: .video, probe: nil, now: .zero)
            return (try #require(pacer.nextTimeout(video(waiting))).at - .zero).milliseconds
        }
        // 1,000 bytes at 150, 200 and 250 kB/s.
        #expect(abs(try wait(1000) - 6.67) < 0.01)
        #expect(abs(try wait(80_000) - 5) < 0.01)
        #expect(abs(try wait(1_000_000) - 4) < 0.01)
    }

    @Test("A draining path gets exactly the target")
    func draining() throws {
        var pacer = Pacer(rate: .kilobits(800), now: .zero)
        pacer.setRate(.kilobits(800), pace: .draining, now: .zero)
        pacer.packetSent(DataSize(bytes: 1000), as: .video, probe: nil, now: .zero)
        let wake = try #require(pacer.nextTimeout(video(1_000_000)))
        #expect(abs((wake.at - .zero).milliseconds - 10) < 0.01)
    }

    @Test("A probe sends at its own rate, pads when media runs out, and ends when it is complete")
    func probe() throws {
        var pacer = Pacer(rate: .kilobits(800), now: .zero)
        let cluster = ProbeCluster(
            id: .init(7), rate: .kilobits(4000), minimumPackets: 5, minimumSize: DataSize(bytes: 7500))
        pacer.start(cluster)
        // Nothing to send and nothing to pad with: the probe waits.
        let idle = pacer.next(PacerQueues(), now: .zero)
        #expect(idle == .wait)
        var now = Instant.zero
        var sizes: [Int] = []
        var media = 3
        for _ in 0..<100 where pacer.probe != nil {
            let queues = PacerQueues(hasVideo: media > 0, waiting: DataSize(bytes: media * 1000), canPad: true)
            switch pacer.next(queues, now: now) {
            case .send(let kind, let probe):
                #expect(kind == .video && probe == cluster.id)
                pacer.packetSent(DataSize(bytes: 1000), as: .video, probe: probe, now: now)
                media -= 1
                sizes.append(1000)
            case .pad(let size, let probe):
                #expect(probe == cluster.id)
                let size = min(1200, size.bytes)
                pacer.packetSent(DataSize(bytes: size), as: .padding, probe: probe, now: now)
                sizes.append(size)
            case .wait:
                let wake = try #require(pacer.nextTimeout(queues))
                #expect(wake.reason == .probe)
                now = wake.at
            }
        }
        #expect(pacer.probe == nil)
        let total = sizes.reduce(0, +)
        #expect(total >= 7500 && total < 8800)
        // At 500 bytes a millisecond the last of them leaves after what came before it.
        #expect(abs((now - .zero).milliseconds - Double(total - (sizes.last ?? 0)) / 500) <= 1.1)
    }

    @Test("A probe that falls behind is given up")
    func lateProbe() {
        var pacer = Pacer(rate: .kilobits(800), now: .zero)
        pacer.start(
            ProbeCluster(id: .init(1), rate: .kilobits(4000), minimumPackets: 5, minimumSize: DataSize(bytes: 7500)))
        let first = pacer.next(video(), now: .zero)
        #expect(first == .send(.video, probe: .init(1)))
        pacer.packetSent(DataSize(bytes: 1000), as: .video, probe: .init(1), now: .zero)
        let late = pacer.next(video(), now: .ms(100))
        #expect(late == .send(.video, probe: nil))
        #expect(pacer.probe == nil)
    }
}

@Suite("Bounds of the estimate")
struct EstimatorTests {
    @Test("REMB bounds the target, up and down")
    func receiverEstimate() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(1000), usesTransportFeedback: true), now: .zero)
        #expect(controller.target == .kilobits(1000))
        controller.handle(receiverEstimate: .kilobits(300), now: .ms(10))
        #expect(controller.target == .kilobits(300))
        controller.handle(receiverEstimate: .kilobits(10), now: .ms(20))
        #expect(controller.target == .kilobits(50))
        controller.handle(receiverEstimate: .kilobits(5000), now: .ms(30))
        #expect(controller.target == .kilobits(1000))
    }

    @Test("Without transport-wide feedback, reports decide: up below 2 %, down above 10 %")
    func reports() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(500), maximum: .kilobits(2000), usesTransportFeedback: false),
            now: .zero)
        for second in 1...10 { controller.handle(lossFraction: 0, now: .ms(Double(second) * 1000)) }
        let risen = controller.target
        #expect(risen > .kilobits(900))
        controller.handle(lossFraction: 0.05, now: .ms(11_000))
        #expect(controller.target == risen)
        controller.handle(lossFraction: 0.5, now: .ms(12_000))
        #expect(controller.target.bitsPerSecond == (risen * 0.75).bitsPerSecond)
        controller.handleTimeout(now: .ms(13_000))
        let decision = controller.next(PacerQueues(canPad: true), now: .ms(13_000))
        #expect(decision == .wait, "no probes for peers that could not tell of them")
    }

    @Test("Silence halves the rate again and again; feedback brings it back")
    func silence() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(800), usesTransportFeedback: true), now: .zero)
        for index in 0..<100 {
            let now = Instant.ms(Double(index) * 50)
            controller.packetSent(DataSize(bytes: 1000), as: .video, probe: nil, now: now)
            controller.handleTimeout(now: now)
        }
        #expect(controller.target <= .kilobits(100))
        let last = SequenceNumber(controller.nextSequence.rawValue &- 1)
        controller.handle([PacketArrival(sequence: last, arrival: .ms(99_000))], now: .ms(5000))
        #expect(controller.target == .kilobits(200))
    }

    @Test("Feedback about packets that were never sent, or told of before, changes nothing")
    func nonsense() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(800), usesTransportFeedback: true), now: .zero)
        let before = controller.statistics
        controller.handle(
            (0..<500).map { PacketArrival(sequence: SequenceNumber(UInt16($0) &* 131), arrival: .ms(Double($0))) },
            now: .ms(1))
        #expect(controller.statistics == before)
        #expect(controller.nextSequence == SequenceNumber(1))
    }

    @Test("Another path starts at half the rate, at most as at first")
    func pathChange() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(800), usesTransportFeedback: true), now: .zero)
        controller.pathChanged(now: .ms(100))
        #expect(controller.target == .kilobits(400))
    }
}
