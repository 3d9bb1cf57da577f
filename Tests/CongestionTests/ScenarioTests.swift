import Congestion
import Foundation
import Primitives
import Testing

/// Set KIOSK_CHART to see a scenario's course.
func look(_ name: String, _ simulation: Simulation) {
    guard ProcessInfo.processInfo.environment["KIOSK_CHART"] == name else { return }
    print(simulation.chart(every: 2))
    print(simulation.controller.statistics)
}

@Suite("Scenarios over a simulated link: 40 ms round trip, 150 ms queue")
struct ScenarioTests {
    @Test("Start on 2.5 Mbit/s: nine tenths of it within 3 s", arguments: [1, 2, 3] as [UInt64])
    func start(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500)]), seed: seed)
        simulation.run(until: 20)
        look("start", simulation)
        let time = try #require(simulation.time(toReach: 2250, from: 0))
        #expect(time <= 3)
        #expect(simulation.meanReceived(5..<20) >= 2250)
        #expect(simulation.meanQueueDelay(5..<20) < 40)
    }

    @Test("2.5 to 1.0 Mbit/s: the queue is empty after 1.5 s", arguments: [1, 2, 3] as [UInt64])
    func stepDown(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500), (15, 1000)]), seed: seed)
        simulation.run(until: 30)
        look("down", simulation)
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
        look("up", simulation)
        let time = try #require(simulation.time(toReach: 2250, from: 25))
        #expect(time <= 8)
        #expect(simulation.meanReceived(35..<45) >= 2200)
    }

    @Test(
        "Random loss on 2.5 Mbit/s",
        arguments: [(0.05, 2000.0), (0.1, 1500.0), (0.2, 500.0)], [1, 2, 3] as [UInt64])
    func randomLoss(plan: (loss: Double, kept: Double), seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 2500)], loss: plan.loss), seed: seed)
        simulation.run(until: 60)
        look("loss\(Int(plan.loss * 100))", simulation)
        #expect(simulation.meanReceived(20..<60) >= plan.kept)
        #expect(simulation.meanQueueDelay(20..<60) < 50)
    }

    @Test("A narrow link of 150 kbit/s is not flooded", arguments: [1, 2, 3] as [UInt64])
    func narrow(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 150)], queue: .milliseconds(300)), seed: seed)
        simulation.run(until: 40)
        look("narrow", simulation)
        #expect(simulation.meanReceived(10..<40) >= 100)
        #expect(simulation.meanQueueDelay(10..<40) < 100)
    }

    @Test("A queue of 20 ms: losses without delay bound the rate", arguments: [1, 2, 3] as [UInt64])
    func shallow(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 1000)], queue: .milliseconds(20)), seed: seed)
        simulation.run(until: 60)
        look("shallow", simulation)
        #expect(simulation.meanReceived(20..<60) >= 700)
        #expect(Double(simulation.lost) / Double(simulation.lost + simulation.delivered) < 0.08)
    }

    @Test("Jitter of 30 ms does not look like a queue", arguments: [1, 2, 3] as [UInt64])
    func jitter(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 2500)], jitter: .milliseconds(30)), seed: seed)
        simulation.run(until: 40)
        look("jitter", simulation)
        #expect(simulation.meanReceived(15..<40) >= 1700)
    }

    @Test("Keyframes of five times a frame's size", arguments: [1, 2, 3] as [UInt64])
    func keyframes(seed: UInt64) {
        var simulation = Simulation(Link(rates: [(0, 1500)]), seed: seed)
        simulation.keyframeEvery = 60
        simulation.run(until: 40)
        look("keyframes", simulation)
        #expect(simulation.meanReceived(10..<40) >= 1200)
        #expect(simulation.meanQueueDelay(10..<40) < 40)
    }

    @Test("After an outage of 10 s the rate is back within 3 s", arguments: [1, 2, 3] as [UInt64])
    func outage(seed: UInt64) throws {
        var simulation = Simulation(Link(rates: [(0, 2500)], outage: 15..<25), seed: seed)
        simulation.run(until: 40)
        look("outage", simulation)
        let time = try #require(simulation.time(toReach: 1500, from: 25))
        #expect(time <= 3)
    }
}
