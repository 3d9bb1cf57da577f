import Primitives
import Testing

@testable import KioskAgent
@testable import Reactor

@Suite struct MachineWatchTests {
    private let now = Instant.zero

    private func memory(_ mebibytes: Int64) -> MemoryState { MemoryState(availableKiB: mebibytes << 10) }

    private func thermal(_ celsius: Double) -> ThermalState { ThermalState(celsius: celsius, throttleCount: 0) }

    @Test func itIsReadEveryHalfMinuteAndOnlyNewsAreTold() {
        var machine = MachineWatch(memory(500), thermal(50), now: now)
        #expect(machine.nextTimeout == now)
        #expect(machine.read(memory(400), thermal(52), now: now) == .nothing)
        #expect(machine.nextTimeout == now + .seconds(30))
        // What was not told is compared with what was.
        #expect(machine.read(memory(400), thermal(54), now: now) == .thermal)
        #expect(machine.thermal.celsius == 54)
        #expect(machine.read(memory(100), thermal(60), now: now) == .memory(.scarce))
        #expect(machine.read(memory(90), thermal(60), now: now) == .nothing)
        #expect(machine.memory.availableKiB == 90 << 10)
        #expect(machine.read(memory(200), thermal(60), now: now) == .memory(.ample))
    }
}
