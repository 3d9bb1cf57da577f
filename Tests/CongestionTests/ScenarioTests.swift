import Congestion
import Foundation
import Primitives
import Testing

/// Set KIOSK_CHART to a scenario's name to see its course, or to `all` for the figures of all.
func look(_ name: String, _ simulation: Simulation, _ figures: @autoclosure () -> String = "") {
    guard let wanted = ProcessInfo.processInfo.environment["KIOSK_CHART"] else { return }
    if wanted == name { print(simulation.chart(every: 2), simulation.controller.statistics) }
    if wanted == "all" { print("MEASURED \(name): \(figures())") }
}

@Suite("Scenarios over a simulated link: 40 ms round trip, 150 ms queue")
struct ScenarioTests {
    @Test("Start on 2.5 Mbit/s: nine tenths of it within 3 s", arguments: [1, 2, 3] as [UInt64])
    func start(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500)]), seed: seed)
        simulation.run(until: 20)
        look(
            "start", simulation,
            "90 % after \(simulation.time(toReach: 2250, from: 0) ?? -1) s, then \(simulation.summary(5..<20))")
        let time = try #require(simulation.time(toReach: 2250, from: 0))
        #expect(time <= 3)
        #expect(simulation.meanReceived(5..<20) >= 2200)
        #expect(simulation.meanQueueDelay(5..<20) < 40)
    }

    @Test("2.5 to 1.0 Mbit/s: the queue is empty after 1.5 s", arguments: [1, 2, 3] as [UInt64])
    func stepDown(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500), (15, 1000)]), seed: seed)
        simulation.run(until: 30)
        look(
            "down", simulation,
            "drained after \(simulation.time(toDrainBelow: .milliseconds(30), from: 15) ?? -1) s, then \(simulation.summary(17..<30))"
        )
        let time = try #require(simulation.time(toDrainBelow: .milliseconds(30), from: 15))
        #expect(time <= 1.5)
        #expect(simulation.worstQueueDelay(17..<30) <= .milliseconds(160))
        #expect(simulation.meanReceived(17..<30) >= 800)
        #expect(simulation.meanQueueDelay(17..<30) < 40)
    }

    @Test("1.0 to 2.5 Mbit/s: nine tenths within 8 s", arguments: [1, 2, 3] as [UInt64])
    func stepUp(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500), (10, 1000), (25, 2500)]), seed: seed)
        simulation.run(until: 45)
        look(
            "up", simulation,
            "90 % after \(simulation.time(toReach: 2250, from: 25) ?? -1) s, then \(simulation.summary(35..<45))")
        let time = try #require(simulation.time(toReach: 2250, from: 25))
        #expect(time <= 8)
        #expect(simulation.meanReceived(35..<45) >= 2150)
    }

    @Test(
        "A little jitter, as every real path has it, is in nobody's way: nine tenths at the start and after a step",
        arguments: [3, 8], [1, 4, 5, 12, 26, 29] as [UInt64])
    func stepsWithJitter(milliseconds: Int, seed: UInt64) throws {
        var simulation = Simulation(
            Link(rates: [(0, 2500), (20, 1000), (30, 2500)], jitter: .milliseconds(milliseconds)), maximum: 3000,
            seed: seed)
        simulation.encoderMaximum = 3000
        simulation.run(until: 45)
        let start = simulation.time(toReach: 2200, from: 0)
        let back = simulation.time(toReach: 2200, from: 30)
        look("steps", simulation, "start \(start ?? -1) s, back \(back ?? -1) s")
        #expect(try #require(start) <= 3)
        #expect(try #require(back) <= 8)
        #expect(simulation.meanReceived(5..<20) >= 2000)
    }

    @Test(
        "Random loss on 2.5 Mbit/s",
        arguments: [(0.05, 2000.0), (0.1, 1500.0), (0.2, 500.0)], [1, 2] as [UInt64])
    func randomLoss(plan: (loss: Double, kept: Double), seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 2500)], loss: plan.loss), seed: seed)
        simulation.run(until: 60)
        look("loss\(Int(plan.loss * 100))", simulation, simulation.summary(20..<60))
        #expect(simulation.meanReceived(20..<60) >= plan.kept)
        #expect(simulation.meanQueueDelay(20..<60) < 50)
    }

    @Test("A narrow link of 150 kbit/s is not flooded", arguments: [1, 2, 3] as [UInt64])
    func narrow(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 150)], queue: .milliseconds(300)), seed: seed)
        simulation.run(until: 40)
        look("narrow", simulation, simulation.summary(10..<40))
        #expect(simulation.meanReceived(10..<40) >= 100)
        #expect(simulation.meanQueueDelay(10..<40) < 100)
    }

    @Test("A queue of 20 ms: losses without delay bound the rate", arguments: [1, 2, 3] as [UInt64])
    func shallow(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 1000)], queue: .milliseconds(20)), seed: seed)
        simulation.run(until: 60)
        look("shallow", simulation, simulation.summary(20..<60))
        #expect(simulation.meanReceived(20..<60) >= 700)
        #expect(Double(simulation.lost) / Double(simulation.lost + simulation.delivered) < 0.08)
    }

    @Test("A path that drops what is too much at once: losses without any delay", arguments: [1, 2, 3] as [UInt64])
    func policed(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 1000)], queue: .milliseconds(12)), seed: seed)
        simulation.run(until: 60)
        let share = Double(simulation.lost) / Double(simulation.lost + simulation.delivered)
        look("policed", simulation, simulation.summary(20..<60) + ", lost \(share)")
        #expect(simulation.meanReceived(20..<60) >= 700)
        #expect(share < 0.2)
    }

    @Test("Jitter of 30 ms does not look like a queue", arguments: [1, 2, 3] as [UInt64])
    func jitter(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 2500)], jitter: .milliseconds(30)), seed: seed)
        simulation.run(until: 40)
        look("jitter", simulation, simulation.summary(15..<40))
        #expect(simulation.meanReceived(15..<40) >= 1700)
    }

    @Test("Keyframes of five times a frame's size", arguments: [1, 2, 3] as [UInt64])
    func keyframes(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 1500)]), seed: seed)
        simulation.keyframeEvery = 60
        simulation.run(until: 40)
        look("keyframes", simulation, simulation.summary(10..<40))
        #expect(simulation.meanReceived(10..<40) >= 1150)
        #expect(simulation.meanQueueDelay(10..<40) < 40)
    }

    @Test("After an outage of 10 s the rate is back within 3 s", arguments: [1, 2, 3] as [UInt64])
    func outage(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500)], outage: 15..<25), seed: seed)
        simulation.run(until: 40)
        look("outage", simulation, "1.5 Mbit/s after \(simulation.time(toReach: 1500, from: 25.2) ?? -1) s")
        let time = try #require(simulation.time(toReach: 1500, from: 25.2))
        #expect(time <= 3)
    }

    @Test("Slow feedback and a long way: 200 ms round trip, feedback every 200 ms", arguments: [1, 2, 3] as [UInt64])
    func longWay(seed: UInt64) throws {
        var simulation = Simulation(
            Link(rates: [(0, 2500), (20, 1000)], delay: .milliseconds(100), queue: .milliseconds(300)), seed: seed)
        simulation.feedbackInterval = .milliseconds(200)
        simulation.run(until: 40)
        look("long", simulation, simulation.summary(8..<20) + "; " + simulation.summary(23..<40))
        #expect(simulation.meanReceived(8..<20) >= 2000)
        #expect(simulation.meanReceived(23..<40) >= 750)
        #expect(simulation.meanQueueDelay(23..<40) < 60)
    }

    @Test("A receiver's clock that runs fast or slow", arguments: [-300, 300])
    func drift(partsPerMillion: Int64) {
        var simulation = Simulation(Link(rates: [(0, 2500)]))
        simulation.drift = partsPerMillion
        simulation.run(until: 60)
        look("drift", simulation, simulation.summary(20..<60))
        #expect(simulation.meanReceived(20..<60) >= 2000)
        #expect(simulation.meanQueueDelay(20..<60) < 40)
    }

    @Test("A way that becomes 60 ms longer is no queue for long", arguments: [1, 2, 3] as [UInt64])
    func longerWay(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 2000)]), seed: seed)
        simulation.run(until: 15)
        simulation.link.delay += .milliseconds(60)
        simulation.run(until: 45)
        look("longer", simulation, simulation.summary(15..<25) + "; " + simulation.summary(30..<45))
        #expect(simulation.meanReceived(30..<45) >= 1500)
    }

    @Test("A still picture, then a moving one: what was not tried is probed", arguments: [1, 2, 3] as [UInt64])
    func applicationLimited(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500)]), seed: seed)
        simulation.run(until: 10)
        simulation.encoderMaximum = 200
        simulation.run(until: 40)
        simulation.encoderMaximum = 2600
        simulation.run(until: 50)
        look(
            "still", simulation,
            simulation.summary(20..<40) + "; 90 % after \(simulation.time(toReach: 2250, from: 40) ?? -1) s")
        let time = try #require(simulation.time(toReach: 2000, from: 40))
        #expect(time <= 3)
        #expect(simulation.worstQueueDelay(40..<50) < .milliseconds(150))
    }

    @Test("Two senders on one link of 3 Mbit/s: neither gets less than a third", arguments: Array(1...8) as [UInt64])
    func fairness(seed: UInt64) {
        var first = Simulation(Link(rates: [(0, 3000)]), seed: seed)
        var second = Simulation(Link(rates: [(0, 3000)]), seed: seed + 100)
        while first.now.sinceStart < 100 {
            first.step()
            second.link = first.link
            // The second one joins when the first has the link.
            if first.now.sinceStart < 10 { second.skip() } else { second.step() }
            first.link = second.link
        }
        look("fair", first, first.summary(40..<100) + " beside " + second.summary(40..<100))
        #expect(first.meanReceived(40..<100) >= 1000)
        #expect(second.meanReceived(40..<100) >= 1000)
        #expect(first.meanReceived(40..<100) + second.meanReceived(40..<100) >= 2400)
    }

    @Test("The other one of two senders leaves: its half is taken", arguments: Array(1...8) as [UInt64])
    func alone(seed: UInt64) throws {
        var first = Simulation(Link(rates: [(0, 3000)]), seed: seed)
        var second = Simulation(Link(rates: [(0, 3000)]), seed: seed + 100)
        while first.now.sinceStart < 100 {
            first.step()
            second.link = first.link
            if (10..<60).contains(first.now.sinceStart) { second.step() } else { second.skip() }
            first.link = second.link
        }
        let time = first.time(toReach: 2200, from: 60)
        look("alone", first, first.summary(40..<60) + ", 2.2 Mbit/s after \(time ?? -1) s")
        #expect(try #require(time) <= 18)
    }
}
