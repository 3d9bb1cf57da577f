import Congestion
import Primitives

/// A one-way link: rate, delay, a queue that drops at its end, and random loss.
struct Link {
    /// Rates by the second from which they hold.
    var rates: [(from: Double, kilobits: Double)]
    var delay: Duration = .milliseconds(20)
    /// How long the longest queue takes to empty at the current rate.
    var queue: Duration = .milliseconds(150)
    var loss: Double = 0
    /// Random delay added to each packet without reordering.
    var jitter: Duration = .zero
    /// Everything is lost in these seconds.
    var outage: Range<Double>?

    var freeAt: Instant = .zero
    var lastArrival: Instant = .zero

    func rate(at now: Instant) -> Double {
        rates.last { $0.from <= now.sinceStart }?.kilobits ?? rates[0].kilobits
    }

    func queueDelay(now: Instant) -> Duration { max(.zero, freeAt - now) }

    /// When the packet arrives; nil when it is lost.
    mutating func carry(_ size: Int, now: Instant, random: inout RandomSource) -> Instant? {
        if outage?.contains(now.sinceStart) == true { return nil }
        guard queueDelay(now: now) <= queue else { return nil }
        freeAt = max(freeAt, now) + .nanoseconds(Int64(Double(size) * 8e6 / rate(at: now)))
        if Double.random(in: 0..<1, using: &random) < loss { return nil }
        var arrival = freeAt + delay
        if jitter > .zero { arrival += .nanoseconds(Int64.random(in: 0...jitter.nanoseconds, using: &random)) }
        arrival = max(arrival, lastArrival)
        lastArrival = arrival
        return arrival
    }
}

extension Instant {
    var sinceStart: Double { Double(nanoseconds) / 1e9 }
}

/// A sender with an encoder that follows the target, a link, and a receiver that sends transport-wide feedback: a
/// closed loop in virtual time.
struct Simulation {
    struct Packet {
        var kind: PacerPacketKind
        var size: Int
        var queued: Instant
    }

    struct Sample {
        var time: Double
        /// kbit/s that arrived over the last tenth of a second, padding left out.
        var received: Double
        var target: Double
        var queueDelay: Duration
        var pacerDelay: Duration
    }

    var controller: CongestionController
    var link: Link
    var random: RandomSource
    var now: Instant = .zero
    /// The encoder never makes more than this, whatever the control is bounded by.
    var encoderMaximum: Double = 2600
    /// Frames grow and shrink by this share.
    var variation = 0.2
    var keyframeEvery: Int?
    /// A packet that counts as lost is sent again once it is known.
    var retransmits = true
    var feedbackInterval: Duration = .milliseconds(50)
    /// How much the receiver's clock gains, in millionths.
    var drift: Int64 = 0
    var queue: [Packet] = []
    var samples: [Sample] = []
    var sent: [Int64: (size: Int, kind: PacerPacketKind)] = [:]
    var lost = 0
    var delivered = 0

    private var arrivals: [(at: Instant, sequence: Int64, size: Int, kind: PacerPacketKind)] = []
    private var feedback: [(at: Instant, arrivals: [PacketArrival])] = []
    private var received: [Int64: Instant] = [:]
    private var highestReceived: Int64 = 0
    private var nextToReport: Int64 = 1
    private var nextFeedback: Instant = .zero
    private var nextFrame: Instant = .zero
    private var nextAudio: Instant = .zero
    private var frames = 0
    private var sequence: Int64 = 1
    private var receivedBytes = 0
    private var nextSample: Instant = .zero
    private var canPad = false

    init(_ link: Link, start: Double = 500, maximum: Double = 2640, seed: UInt64 = 1) {
        self.link = link
        random = .seeded(seed)
        controller = CongestionController(
            CongestionConfiguration(
                start: .kilobits(start), maximum: .kilobits(maximum), usesTransportFeedback: true), now: .zero)
    }

    mutating func run(until seconds: Double) {
        while now.sinceStart < seconds { step() }
    }

    /// One millisecond.
    mutating func step() {
        now += .milliseconds(1)
        encode()
        controller.handleTimeout(now: now)
        send()
        receive()
        if now >= nextSample {
            let pacerDelay = queue.first.map { now - $0.queued } ?? .zero
            samples.append(
                Sample(
                    time: now.sinceStart, received: Double(receivedBytes) * 8 / 100,
                    target: Double(controller.target.bitsPerSecond) / 1000, queueDelay: link.queueDelay(now: now),
                    pacerDelay: pacerDelay))
            receivedBytes = 0
            nextSample = now + .milliseconds(100)
        }
    }

    /// Lets time pass without sending.
    mutating func skip() {
        now += .milliseconds(1)
        controller.handleTimeout(now: now)
        nextFrame = now
        nextAudio = now
    }

    private mutating func encode() {
        if now >= nextAudio {
            nextAudio = now + .milliseconds(20)
            queue.append(Packet(kind: .audio, size: 150, queued: now))
        }
        guard now >= nextFrame else { return }
        nextFrame = now + .nanoseconds(33_333_333)
        frames += 1
        let target = min(encoderMaximum, max(30, Double(controller.target.bitsPerSecond) / 1000 - 60))
        var size = target * 1000 / 8 / 30 * Double.random(in: 1 - variation...1 + variation, using: &random)
        if let keyframeEvery, frames % keyframeEvery == 1 { size *= 5 }
        // An encoder drops a frame rather than let the queue grow.
        if waiting.bytes > Int(target * 1000 / 8 * 0.3) { return }
        var left = max(60, Int(size))
        let count = (left + 1099) / 1100
        for index in 0..<count {
            let part = left / (count - index)
            queue.append(Packet(kind: .video, size: part + 70, queued: now))
            left -= part
        }
    }

    private var waiting: DataSize { DataSize(bytes: queue.reduce(0) { $0 + $1.size }) }

    private func first(_ kind: PacerPacketKind) -> Int? { queue.firstIndex { $0.kind == kind } }

    private mutating func send() {
        // Nobody looks a second into the past: what waited so long gives way to a new keyframe.
        queue.removeAll { now - $0.queued > .seconds(1) }
        while true {
            let queues = PacerQueues(
                hasAudio: first(.audio) != nil, hasRetransmission: first(.retransmission) != nil,
                hasVideo: first(.video) != nil, waiting: waiting, canPad: canPad)
            switch controller.next(queues, now: now) {
            case .send(let kind, let probe):
                guard let index = first(kind) else { return }
                let packet = queue.remove(at: index)
                transmit(packet, probe: probe)
                canPad = true
            case .pad(let size, let probe):
                transmit(Packet(kind: .padding, size: max(100, min(1200, size.bytes)), queued: now), probe: probe)
            case .wait:
                return
            }
        }
    }

    private mutating func transmit(_ packet: Packet, probe: ProbeCluster.ID?) {
        sent[sequence] = (packet.size, packet.kind)
        controller.packetSent(DataSize(bytes: packet.size), as: packet.kind, probe: probe, now: now)
        if let arrival = link.carry(packet.size, now: now, random: &random) {
            arrivals.append((arrival, sequence, packet.size, packet.kind))
            delivered += 1
        } else {
            lost += 1
        }
        sequence += 1
    }

    private mutating func receive() {
        for arrival in arrivals where arrival.at <= now {
            received[arrival.sequence] = arrival.at
            highestReceived = max(highestReceived, arrival.sequence)
            if arrival.kind != .padding { receivedBytes += arrival.size }
        }
        arrivals.removeAll { $0.at <= now }
        if now >= nextFeedback {
            nextFeedback = now + feedbackInterval
            if highestReceived >= nextToReport {
                let report = (nextToReport...highestReceived).map { number in
                    PacketArrival(
                        sequence: SequenceNumber(UInt16(truncatingIfNeeded: number)),
                        // Quarters of a millisecond, on another clock.
                        arrival: received[number].map {
                            let drifted = $0.nanoseconds + $0.nanoseconds / 1_000_000 * drift
                            return Instant(nanoseconds: (drifted / 250_000) * 250_000 + 7_777_000_000_000)
                        })
                }
                nextToReport = highestReceived + 1
                feedback.append((now + link.delay, report))
            }
        }
        for message in feedback where message.at <= now {
            controller.handle(message.arrivals, now: now)
            guard retransmits else { continue }
            for arrival in message.arrivals where arrival.arrival == nil {
                let number = nearest(arrival.sequence)
                guard let packet = sent[number], packet.kind == .video || packet.kind == .retransmission else {
                    continue
                }
                queue.append(Packet(kind: .retransmission, size: packet.size, queued: now))
            }
        }
        feedback.removeAll { $0.at <= now }
    }

    private func nearest(_ number: SequenceNumber) -> Int64 {
        sequence + Int64(number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: sequence))))
    }

    // MARK: What came of it

    /// The first time after `start` from which on the received rate stays at `rate` or above for half a second.
    func time(toReach rate: Double, from start: Double) -> Double? {
        let later = samples.filter { $0.time >= start }
        for index in later.indices where index + 5 <= later.count {
            let mean = later[index..<index + 5].reduce(0) { $0 + $1.received } / 5
            if mean >= rate { return later[index].time - start }
        }
        return nil
    }

    /// The first time after `start` from which on the link's queue stays below `delay` for a second.
    func time(toDrainBelow delay: Duration, from start: Double) -> Double? {
        let later = samples.filter { $0.time >= start }
        for index in later.indices where index + 10 <= later.count {
            if later[index..<index + 10].allSatisfy({ $0.queueDelay < delay }) { return later[index].time - start }
        }
        return nil
    }

    func meanReceived(_ range: Range<Double>) -> Double {
        let within = samples.filter { range.contains($0.time) }
        return within.reduce(0) { $0 + $1.received } / Double(max(1, within.count))
    }

    func meanQueueDelay(_ range: Range<Double>) -> Double {
        let within = samples.filter { range.contains($0.time) }
        return within.reduce(0) { $0 + $1.queueDelay.milliseconds } / Double(max(1, within.count))
    }

    func worstQueueDelay(_ range: Range<Double>) -> Duration {
        samples.filter { range.contains($0.time) }.map(\.queueDelay).max() ?? .zero
    }

    func summary(_ range: Range<Double>) -> String {
        "\(Int(meanReceived(range))) kbit/s, queue \(Int(meanQueueDelay(range))) ms on average, "
            + "\(Int(worstQueueDelay(range).milliseconds)) ms at worst"
    }

    /// The course as text, for a look at it.
    func chart(every: Int = 5) -> String {
        var text = "  time target  recv queue pacer\n"
        for (index, sample) in samples.enumerated() where index % every == 0 {
            func pad(_ value: Double, _ width: Int) -> String {
                let text = String(Int(value.rounded()))
                return String(repeating: " ", count: max(0, width - text.count)) + text
            }
            text += pad(sample.time * 10, 6) + pad(sample.target, 7) + pad(sample.received, 6)
            text += pad(sample.queueDelay.milliseconds, 6) + pad(sample.pacerDelay.milliseconds, 6) + "\n"
        }
        return text
    }
}
