import Primitives
import Reactor

/// What the machine has left and how warm it is, as it was last read, and when it is read again.
struct MachineWatch: Sendable {
    /// What a reading changed.
    enum News: Equatable, Sendable {
        case nothing
        /// It is warmer or colder by enough to be told.
        case thermal
        /// Memory is at another level.
        case memory(MemoryState.Level)
    }

    private(set) var memory: MemoryState
    /// As it was last told.
    private(set) var thermal: ThermalState
    private(set) var nextTimeout: Instant

    static let interval = Duration.seconds(30)

    /// The first look is due at once.
    init(_ memory: MemoryState, _ thermal: ThermalState, now: Instant) {
        (self.memory, self.thermal) = (memory, thermal)
        nextTimeout = now
    }

    mutating func read(_ memory: MemoryState, _ thermal: ThermalState, now: Instant) -> News {
        nextTimeout = now + MachineWatch.interval
        let level = self.memory.level
        self.memory = memory
        let isThermalNews = thermal.differs(from: self.thermal)
        if isThermalNews { self.thermal = thermal }
        return memory.level != level ? .memory(memory.level) : isThermalNews ? .thermal : .nothing
    }
}
