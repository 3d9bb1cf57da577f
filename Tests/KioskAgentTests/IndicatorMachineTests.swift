import Primitives
import Testing

@testable import KioskAgent

@Suite struct IndicatorMachineTests {
    private let now = Instant.zero + .seconds(1000)

    private func machine(isRequired: Bool) -> IndicatorMachine {
        IndicatorMachine(isConfigured: true, isRequired: isRequired)
    }

    @Test func itIsCheckedEverySecondWhileItIsLit() {
        var machine = machine(isRequired: true)
        #expect(machine.nextTimeout == nil)
        #expect(machine.lit([], now: now) == .mediaMayLeave)
        #expect(machine.nextTimeout == now + .seconds(1))
        #expect(machine.checked([], now: now + .seconds(1)) == .isLit)
        #expect(machine.nextTimeout == now + .seconds(2))
        machine.darkened([])
        #expect(machine.nextTimeout == nil)
        #expect(machine.report == "")
    }

    @Test func withoutAnIndicatorThereIsNothingToCheck() {
        var machine = IndicatorMachine(isConfigured: false, isRequired: false)
        #expect(machine.lit([], now: now) == .mediaMayLeave)
        #expect(machine.nextTimeout == nil)
        #expect(machine.report == nil)
    }

    @Test func mediaStaysWhereItMustBeLitAndCannot() {
        var machine = machine(isRequired: true)
        #expect(machine.lit(["led0: gone", "chip: gone"], now: now) == .mediaMustStay("led0: gone"))
        #expect(machine.nextTimeout == nil)
        #expect(machine.report == "led0: gone")
    }

    @Test func oneThatMayFailIsTriedAgain() {
        var machine = machine(isRequired: false)
        #expect(machine.lit(["led0: gone"], now: now) == .mediaMayLeave)
        #expect(machine.report == "led0: gone")
        #expect(machine.checked(["led0: gone"], now: now + .seconds(1)) == .lightAgain("led0: gone"))
        machine.litAgain(["led0: gone"])
        #expect(machine.report == "led0: gone")
        #expect(machine.checked(["led0: off again"], now: now + .seconds(2)) == .lightAgain("led0: off again"))
        machine.litAgain([])
        #expect(machine.report == "")
        #expect(machine.nextTimeout == now + .seconds(3))
    }

    /// The status says why until the next time, although the dark lamp let itself be switched off, for each session that ended.
    @Test func oneThatGoesOutEndsAllMedia() {
        var machine = machine(isRequired: true)
        _ = machine.lit([], now: now)
        #expect(machine.checked(["led0: off again"], now: now + .seconds(1)) == .mediaMustStop("led0: off again"))
        #expect(machine.nextTimeout == nil)
        machine.darkened([])
        machine.darkened([])
        #expect(machine.report == "led0: off again")
        #expect(machine.lit([], now: now + .seconds(5)) == .mediaMayLeave)
        machine.darkened([])
        #expect(machine.report == "")
    }

    @Test func whatCannotBeSwitchedOffIsTold() {
        var machine = machine(isRequired: true)
        _ = machine.lit([], now: now)
        _ = machine.checked(["led0: off again"], now: now + .seconds(1))
        machine.darkened(["led0: gone"])
        #expect(machine.report == "led0: gone")
    }

    @Test func aCheckThatComesLateSaysNothing() {
        var machine = machine(isRequired: true)
        #expect(machine.checked(["led0: off"], now: now) == .isLit)
        #expect(machine.nextTimeout == nil)
    }
}
