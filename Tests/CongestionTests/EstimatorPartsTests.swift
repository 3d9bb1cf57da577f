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

    /// What a probe measured: the path's rate, plainly, or its own.
    private func probe(_ rate: Double, isSaturated: Bool, isFirst: Bool = true) -> ProbeEstimator.Result {
        ProbeEstimator.Result(
            rate: .kilobits(rate), isSaturated: isSaturated, isFull: isSaturated, isFirst: isFirst,
            cluster: ProbeCluster(
                id: ProbeCluster.ID(1), rate: .kilobits(rate), minimumPackets: 5, minimumSize: DataSize(bytes: 1000)))
    }

    @Test("An overuse takes back a probe's small gain, and keeps a large one as far as it is carried")
    func gains() {
        func rate(after measured: Double, carrying carried: Double) -> (Bitrate, Bool) {
            var control = RateControl(start: .kilobits(1000), minimum: .kilobits(50), maximum: .kilobits(5000))
            let isNews = control.probed(probe(measured, isSaturated: true), now: .ms(1000))
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

    @Test("Full at less than probes see, and more than once: others use the path, too")
    func shares() throws {
        var capacity = KnownCapacity()
        #expect(capacity.share(of: .kilobits(2000)) == nil)
        // Alone the path is full at what probes see.
        capacity.note(probe: .kilobits(2800), isFirst: true)
        for rate in [2750.0, 2600, 2700] { capacity.note(overuse: .kilobits(rate)) }
        #expect(capacity.share(of: .kilobits(2700)) == nil)
        // Once may be chance.
        capacity.note(overuse: .kilobits(2100))
        #expect(capacity.share(of: .kilobits(2100)) == nil)
        capacity.note(overuse: .kilobits(2000))
        #expect(capacity.share(of: .kilobits(2100)) == 0.75)
        // Probes that see less for a while belong to a path that carries less.
        for _ in 0..<4 { capacity.note(probe: .kilobits(2200), isFirst: true) }
        #expect(capacity.share(of: .kilobits(2100)) == nil)
        // One probe's figures count as one, and the last of them.
        for rate in [2900.0, 2850, 2800] { capacity.note(probe: .kilobits(rate), isFirst: rate == 2900) }
        for _ in 0..<3 { capacity.note(probe: .kilobits(1700), isFirst: true) }
        #expect(capacity.share(of: .kilobits(2100)) == 0.75)
        capacity.forgetOveruses()
        #expect(capacity.share(of: .kilobits(2100)) == nil)
    }

    @Test("What a probe takes of a path that was full at less is not believed at once")
    func sharedPath() {
        /// Full at 2 Mbit/s; then the queue was empty again after this long.
        func control(draining time: Double) -> RateControl {
            var control = RateControl(start: .kilobits(2000), minimum: .kilobits(50), maximum: .kilobits(5000))
            for (usage, queue, now) in [
                (BandwidthUsage.overusing, 300, 1000.0), (.normal, 40, 1000 + time), (.normal, 0, 1010 + time),
            ] {
                control.update(
                    usage, acknowledged: .kilobits(2000), recent: nil, queueDelay: .milliseconds(queue),
                    roundTripTime: .milliseconds(40), mayIncrease: true, now: .ms(now))
            }
            return control
        }
        func probed(_ control: inout RateControl, _ rate: Double, isSaturated: Bool, at now: Double) -> Bool {
            control.probed(probe(rate, isSaturated: isSaturated), now: .ms(now))
        }
        let near = control(draining: 100)
        #expect(near.rate == .kilobits(1800))
        #expect(near.isNearKnownCapacity)
        // Room that was free is there for the taking.
        var free = near
        let isFree = probed(&free, 2400, isSaturated: false, at: 9000)
        #expect(isFree && free.rate == .kilobits(2400))
        // What was pushed out of others is not; but growth need not be careful any more.
        var full = near
        let isNews = probed(&full, 3000, isSaturated: true, at: 9000)
        #expect(!isNews && full.rate == .kilobits(1800))
        #expect(!full.isNearKnownCapacity)
        // Far below what was carried before: all of that, or half the way.
        let low = control(draining: 600)
        #expect(abs(low.rate.bitsPerSecond - 1_000_000) < 2000)
        var back = low
        let isBack = probed(&back, 2200, isSaturated: true, at: 9000)
        #expect(isBack && back.rate == .kilobits(1800))
        var more = low
        let isMore = probed(&more, 3000, isSaturated: true, at: 9000)
        #expect(isMore && abs(more.rate.bitsPerSecond - 2_000_000) < 2000)
        // More packets of the same probe do not raise it further.
        let again = probed(&more, 2900, isSaturated: true, at: 9010)
        #expect(!again && abs(more.rate.bitsPerSecond - 2_000_000) < 2000)
    }

    @Test("Where others use the path, too, a probe that came as fast as it was sent is not believed either")
    func gapsOfOthers() {
        var control = RateControl(start: .kilobits(2200), minimum: .kilobits(50), maximum: .kilobits(5000))
        _ = control.probed(probe(2800, isSaturated: true), now: .ms(0))
        func fill(at now: Double) {
            for (usage, queue, time) in [
                (BandwidthUsage.overusing, 40, now), (.normal, 0, now + 100), (.normal, 0, now + 110),
            ] {
                control.update(
                    usage, acknowledged: .kilobits(1700), recent: nil, queueDelay: .milliseconds(queue),
                    roundTripTime: .milliseconds(40), mayIncrease: true, now: .ms(time))
            }
        }
        // Full at 1700 though a probe saw 2800: once that may be another path, and half the way tells; twice it is others.
        fill(at: 3000)
        #expect(!control.isLarger)
        var once = control
        let isRoom = once.probed(probe(2700, isSaturated: false), now: .ms(9000))
        #expect(isRoom && once.rate == (control.rate + .kilobits(2700)) * 0.5)
        fill(at: 6000)
        #expect(control.isLarger)
        let before = control.rate
        let isNews = control.probed(probe(2700, isSaturated: false), now: .ms(9000))
        #expect(!isNews && control.rate == before)
    }

    @Test("Probes whose gain is lost come later each time, until one's gain is kept")
    func lostGains() throws {
        var probes = ProbeController(maximum: .kilobits(5000))
        probes.begin([], now: .zero)
        var now = Instant.zero
        /// Until the next probe, which raises the rate.
        func next() throws -> Duration {
            let from = now
            while now - from < .seconds(60) {
                now += .milliseconds(100)
                probes.handleTimeout(target: .kilobits(1000), isQuiet: true, now: now)
                guard let cluster = probes.poll() else { continue }
                let result = ProbeEstimator.Result(
                    rate: .kilobits(1500), isSaturated: true, isFull: true, isFirst: true, cluster: cluster)
                probes.handle(result, isNews: true, now: now)
                return now - from
            }
            throw NeverCame()
        }
        probes.handleTimeout(target: .kilobits(1000), isQuiet: true, now: now)
        probes.begin([.kilobits(1000)], now: now)
        _ = probes.poll()
        #expect(try next() == .milliseconds(2500))
        var waits: [Duration] = []
        for _ in 0..<4 {
            probes.rateFell(hasLostGain: true, isDeep: false)
            waits.append(try next())
        }
        #expect(waits == [.seconds(5), .seconds(10), .seconds(20), .seconds(20)])
        // The last one's gain is kept: the one after it begins the count anew.
        #expect(try next() == .milliseconds(2500))
        probes.rateFell(hasLostGain: true, isDeep: false)
        #expect(try next() == .seconds(5))
    }

    private struct NeverCame: Error {}

    @Test("A queue that stays full without any trend is given way for, twice")
    func fullQueue() throws {
        var estimator = BandwidthEstimator(
            CongestionConfiguration(start: .kilobits(1000), maximum: .kilobits(1000), usesTransportFeedback: true),
            now: .zero)
        var sequence = SequenceNumber(1)
        var falls: [Double] = []
        // 1,250 bytes every 10 ms; the queue of the others goes from nothing to 120 ms within a second and stays there.
        for step in 0..<2000 {
            let now = Double(step) * 10
            let delay = 20 + min(120, max(0, now - 3000) * 0.12)
            estimator.packetSent(sequence, size: DataSize(bytes: 1250), probe: nil, now: .ms(now))
            let before = estimator.rateControl.lastDecrease
            estimator.handle([PacketArrival(sequence: sequence, arrival: .ms(now + delay))], now: .ms(now + delay + 20))
            estimator.handleTimeout(now: .ms(now + delay + 20))
            if estimator.rateControl.lastDecrease != before { falls.append(now) }
            sequence = sequence.next
        }
        let whileFull = falls.filter { $0 > 4300 }
        #expect(whileFull.count == 2, "\(falls)")
        #expect(try #require(whileFull.last) < 9000, "\(falls)")
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
