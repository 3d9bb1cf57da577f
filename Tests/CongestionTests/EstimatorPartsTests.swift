import Primitives
import Testing

@testable import Congestion

@Suite("Parts of the estimate")
struct EstimatorPartsTests {
    @Test("The acknowledged rate follows a receiver's clock that was set back")
    func clockSetBack() throws {
        var rate = AcknowledgedRate()
        func run(from start: Double, packet: Int) {
            for index in 0..<400 { rate.add(DataSize(bytes: packet), arrival: .ms(start + Double(index) * 10)) }
        }
        run(from: 1_000_000, packet: 1000)
        let before = try #require(rate.recent)
        #expect(abs(before.bitsPerSecond - 800_000) < 40_000)
        run(from: 5000, packet: 500)
        let after = try #require(rate.recent)
        #expect(abs(after.bitsPerSecond - 400_000) < 20_000)
        #expect(abs(try #require(rate.rate).bitsPerSecond - 400_000) < 60_000)
    }

    @Test("Packets that overtook others do not begin the measurement anew")
    func disorder() throws {
        var rate = AcknowledgedRate()
        for index in 0..<100 {
            let late = index % 10 == 3 ? 200.0 : 0
            rate.add(DataSize(bytes: 1000), arrival: .ms(1000 + Double(index) * 10 + late))
        }
        #expect(abs(try #require(rate.rate).bitsPerSecond - 800_000) < 200_000)
    }

    @Test("From reports alone: a queue on the path counts before it overflows, and what is far too much goes at once")
    func reportsAlone() {
        var control = ReportedLossControl(start: .kilobits(1000), minimum: .kilobits(50), maximum: .kilobits(5000))
        for second in 0..<5 {
            control.update(0, now: .ms(Double(second) * 1000))
            control.update(roundTripTime: .milliseconds(40), now: .ms(Double(second) * 1000))
        }
        let grown = control.rate
        #expect(grown > .kilobits(1300))
        control.update(roundTripTime: .milliseconds(140), now: .ms(5000))
        #expect(control.rate == grown * ReportedLossControl.decrease)
        // Nothing grows while the queue stands, and the same queue is not paid for twice.
        control.update(0, now: .ms(6000))
        control.update(roundTripTime: .milliseconds(120), now: .ms(6000))
        #expect(control.rate == grown * ReportedLossControl.decrease)
        control.update(roundTripTime: .milliseconds(42), now: .ms(7000))
        control.update(0, now: .ms(7000))
        #expect(control.rate > grown * ReportedLossControl.decrease)
        control.update(roundTripTime: .milliseconds(180), now: .ms(8000))
        let before = control.rate
        control.update(0.7, now: .ms(9000))
        #expect(control.rate < before * 0.45)
    }

    @Test("A receiver's clock that stands still fills no memory")
    func clockStandsStill() throws {
        var rate = AcknowledgedRate()
        for _ in 0..<100_000 { rate.add(DataSize(bytes: 1200), arrival: .ms(1000)) }
        #expect(rate.recentArrivals.count <= AcknowledgedRate.maximumArrivals)
        #expect(rate.recent == nil)
        // It runs again: what stood is forgotten.
        for index in 1...400 { rate.add(DataSize(bytes: 1000), arrival: .ms(1000 + Double(index) * 10)) }
        #expect(abs(try #require(rate.recent).bitsPerSecond - 800_000) < 40_000)
    }

    @Test("An overuse takes back a probe's small gain, and keeps a large one as far as it is carried")
    func gains() {
        func rate(after measured: Double, carrying carried: Double) -> (Bitrate, Bool) {
            var control = RateControl(start: .kilobits(1000), minimum: .kilobits(50), maximum: .kilobits(5000))
            let isNews = control.probed(.kilobits(measured), isSaturated: true, now: .ms(1000))
            #expect(isNews)
            control.update(
                .overusing, acknowledged: .kilobits(carried), recent: nil, queueDelay: .milliseconds(10),
                roundTripTime: .milliseconds(40), mayIncrease: true, now: .ms(1200))
            return (control.rate, control.hasLostGain)
        }
        let small = rate(after: 1800, carrying: 1200)
        #expect(small == (.kilobits(850), true))
        let large = rate(after: 3000, carrying: 2400)
        #expect(large == (.kilobits(2040), false))
    }

    @Test("One probe is followed by one larger one, however many packets make its result more exact")
    func oneResult() throws {
        var estimator = BandwidthEstimator(
            CongestionConfiguration(start: .kilobits(500), usesTransportFeedback: true), now: .zero)
        let (first, second) = (estimator.pollProbe(), estimator.pollProbe())
        let cluster = try #require(first)
        #expect(cluster.rate == .kilobits(1500))
        #expect(second?.rate == .kilobits(3000))
        let before = estimator.statistics.probes
        var arrivals: [PacketArrival] = []
        for index in 0..<6 {
            // 1,000 bytes at 1.5 Mbit/s.
            let sent = Instant.ms(Double(index) * 5.4)
            let sequence = SequenceNumber(UInt16(index + 1))
            estimator.packetSent(sequence, size: DataSize(bytes: 1000), probe: cluster.id, now: sent)
            arrivals.append(PacketArrival(sequence: sequence, arrival: sent + .milliseconds(20)))
        }
        estimator.handle(arrivals, now: .ms(60))
        #expect(estimator.statistics.probes == before + 1)
        let (next, another) = (estimator.pollProbe(), estimator.pollProbe())
        #expect(try #require(next).rate > .kilobits(2400))
        #expect(another == nil)
    }

    @Test("A packet told lost that turns out late was never lost, and is one packet")
    func lateIsNotLost() {
        var estimator = BandwidthEstimator(
            CongestionConfiguration(start: .kilobits(500), usesTransportFeedback: true), now: .zero)
        func report(_ numbers: ClosedRange<Int>, missing: Int?, at now: Double) {
            let arrivals = numbers.map { number in
                PacketArrival(
                    sequence: SequenceNumber(UInt16(number)),
                    arrival: number == missing ? nil : .ms(Double(number) * 10 + 20))
            }
            estimator.handle(arrivals, now: .ms(now))
        }
        for number in 1...60 {
            estimator.packetSent(
                SequenceNumber(UInt16(number)), size: DataSize(bytes: 500), probe: nil, now: .ms(Double(number) * 10))
        }
        report(1...30, missing: 10, at: 340)
        #expect(abs(estimator.statistics.loss - 1.0 / 30) < 1e-9)
        report(10...10, missing: nil, at: 350)
        #expect(estimator.statistics.loss == 0)
        // In one observation, too.
        report(31...40, missing: 35, at: 440)
        report(35...35, missing: nil, at: 445)
        report(41...60, missing: nil, at: 640)
        #expect(estimator.statistics.loss == 0)
    }
}

@Suite("Another path")
struct PathChangeTests {
    private var controller = CongestionController(
        CongestionConfiguration(start: .kilobits(800), usesTransportFeedback: true), now: .zero)

    private mutating func send(_ milliseconds: StrideThrough<Double>) {
        for now in milliseconds {
            controller.packetSent(DataSize(bytes: 1000), as: .video, probe: nil, now: .ms(now))
            controller.handleTimeout(now: .ms(now))
        }
    }

    private func number(before next: SequenceNumber, by count: Int) -> SequenceNumber {
        SequenceNumber(next.rawValue &- UInt16(count))
    }

    @Test("The old path's silence does not end with the new one's first feedback")
    func silenceIsForgotten() {
        var test = self
        test.send(stride(from: 0, through: 1000, by: 50))
        let halved = test.controller.target
        #expect(halved < .kilobits(800))
        test.controller.pathChanged(now: .ms(1010))
        test.send(stride(from: 1020, through: 1020, by: 1))
        let newest = test.number(before: test.controller.nextSequence, by: 1)
        test.controller.handle([PacketArrival(sequence: newest, arrival: .ms(9000))], now: .ms(1060))
        #expect(test.controller.resumptions == 0)
        #expect(test.controller.target <= halved)
    }

    @Test("A silence that began on the old path does not halve the new one")
    func silenceDoesNotGoOn() {
        var test = self
        test.send(stride(from: 0, through: 700, by: 50))
        test.controller.pathChanged(now: .ms(710))
        let start = test.controller.target
        test.send(stride(from: 720, through: 1400, by: 20))
        #expect(test.controller.target == start)
        test.send(stride(from: 1420, through: 1800, by: 20))
        #expect(test.controller.target < start, "the new path has been silent for long enough")
    }

    @Test("What the old path lost is not the new one's loss")
    func lossesAreForgotten() {
        var test = self
        test.send(stride(from: 0, through: 300, by: 10))
        test.controller.pathChanged(now: .ms(310))
        let first = test.controller.nextSequence
        test.send(stride(from: 320, through: 620, by: 10))
        let old = (1...20).map { PacketArrival(sequence: test.number(before: first, by: $0), arrival: nil) }
        let new = (0..<31).map {
            PacketArrival(sequence: SequenceNumber(first.rawValue &+ UInt16($0)), arrival: .ms(9000 + Double($0) * 10))
        }
        test.controller.handle(old.reversed() + new, now: .ms(640))
        #expect(test.controller.statistics.loss == 0)
    }

    @Test("For peers that only report, too")
    func reports() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(500), maximum: .kilobits(2000), usesTransportFeedback: false),
            now: .zero)
        for second in 1...10 { controller.handle(lossFraction: 0, now: .ms(Double(second) * 1000)) }
        #expect(controller.target > .kilobits(900))
        controller.pathChanged(now: .ms(10_500))
        #expect(controller.target <= .kilobits(500))
    }

    @Test("What the receiver said of the old path does not bound the new one")
    func receiverEstimate() {
        var controller = CongestionController(
            CongestionConfiguration(start: .kilobits(500), maximum: .kilobits(2000), usesTransportFeedback: false),
            now: .zero)
        controller.handle(receiverEstimate: .kilobits(200), now: .ms(10))
        #expect(controller.target == .kilobits(200))
        controller.pathChanged(now: .ms(20))
        for second in 1...20 { controller.handle(lossFraction: 0, now: .ms(Double(second) * 1000)) }
        #expect(controller.target > .kilobits(300))
    }
}
