import Primitives
import Testing

@testable import Media

@Suite struct SourceMachineTests {
    private let start = Instant.zero + .seconds(100)

    @Test func theOrdinaryLife() {
        var machine = SourceMachine()
        #expect(machine.order == .rest)
        let told1 = machine.gateIs(open: false)
        #expect(!told1)
        let told2 = machine.gateIs(open: true)
        #expect(!told2)
        #expect(machine.phase == .opening)
        #expect(machine.order == .open)
        machine.delivered(now: start)
        #expect(machine.phase == .flowing(since: start))
        machine.delivered(now: start + .seconds(1))
        #expect(machine.phase == .flowing(since: start))
        let told3 = machine.gateIs(open: false)
        #expect(told3, "closed for good: told once")
        let told4 = machine.gateIs(open: false)
        #expect(!told4)
        #expect(machine.order == .rest)
    }

    @Test func aPassingFaultIsTriedSoonAndThenLessOften() {
        var machine = SourceMachine()
        _ = machine.gateIs(open: true)
        var now = start
        var waits: [Double] = []
        for _ in 0..<6 {
            #expect(machine.order == .open)
            machine.failed(.passing, now: now)
            guard case .wait(let until) = machine.order else {
                Issue.record("does not wait")
                return
            }
            waits.append((until - now).seconds)
            machine.handleTimeout(now: until - .nanoseconds(1))
            #expect(machine.order == .wait(until: until))
            now = until
            machine.handleTimeout(now: now)
        }
        #expect(waits == [0.25, 0.5, 1, 2, 2, 2])
    }

    @Test func aLastingFaultIsLookedAtSeldomButAtOnceWhenDevicesChange() {
        var machine = SourceMachine()
        _ = machine.gateIs(open: true)
        machine.failed(.lasting, now: start)
        #expect(machine.phase == .faulted(until: start + .seconds(1)))
        machine.handleTimeout(now: start + .seconds(1))
        machine.failed(.lasting, now: start + .seconds(1))
        #expect(machine.phase == .faulted(until: start + .seconds(3)))
        machine.devicesChanged()
        #expect(machine.phase == .opening)
        // The history is forgotten with the change.
        machine.failed(.lasting, now: start + .seconds(2))
        #expect(machine.phase == .faulted(until: start + .seconds(3)))
    }

    @Test func aDeviceThatFailsRightAfterItsFirstFrameIsNotOpenedInATightLoop() {
        var machine = SourceMachine()
        _ = machine.gateIs(open: true)
        machine.failed(.passing, now: start)
        machine.handleTimeout(now: start + .milliseconds(250))
        machine.delivered(now: start + .milliseconds(300))
        machine.failed(.passing, now: start + .milliseconds(400))
        #expect(machine.phase == .retrying(until: start + .milliseconds(900)))
        // One that flowed for a while begins anew.
        machine.handleTimeout(now: start + .seconds(1))
        machine.delivered(now: start + .seconds(1))
        machine.failed(.passing, now: start + .seconds(6))
        #expect(machine.phase == .retrying(until: start + .milliseconds(6250)))
    }

    @Test func theGateEndsEveryWait() {
        for fault in [SourceMachine.Fault.passing, .lasting] {
            var machine = SourceMachine()
            _ = machine.gateIs(open: true)
            machine.failed(fault, now: start)
            let told5 = machine.gateIs(open: false)
            #expect(told5)
            #expect(machine.failures == 0)
            _ = machine.gateIs(open: true)
            #expect(machine.order == .open)
        }
    }

    @Test func whatIsConfiguredAwayRestsUntilTheNextOpening() {
        var machine = SourceMachine()
        _ = machine.gateIs(open: true)
        machine.isAbsent()
        machine.devicesChanged()
        #expect(machine.order == .rest)
        _ = machine.gateIs(open: false)
        _ = machine.gateIs(open: true)
        #expect(machine.order == .open)
    }

    @Test func aGateThatClosedAndOpenedAgainWhileAFrameWasTakenGoesOn() {
        var machine = SourceMachine()
        _ = machine.gateIs(open: true)
        machine.delivered(now: start)
        machine.interrupted()
        let told6 = machine.gateIs(open: true)
        #expect(!told6)
        #expect(machine.order == .open)
    }
}
