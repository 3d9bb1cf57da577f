/// Where a protocol machine takes its randomness from: the kernel in service, a seed in simulation.
public enum RandomSource: RandomNumberGenerator, Sendable {
    /// The kernel's generator, fit for keys, credentials and transaction identifiers.
    case system
    /// SplitMix64 from this state, so that a simulated run can be repeated. Never in service.
    case seeded(UInt64)

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        switch self {
        case .system:
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        case .seeded(let state):
            let advanced = state &+ 0x9E37_79B9_7F4A_7C15
            self = .seeded(advanced)
            var z = advanced
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// An independent source of the same kind, for a machine inside this one.
    public mutating func split() -> RandomSource {
        switch self {
        case .system: .system
        case .seeded: .seeded(next())
        }
    }
}
