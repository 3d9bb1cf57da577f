internal import SessionRules

extension Account {
    /// A random one: positive, and exact as a JSON number (RFC 8259 section 6).
    static func newGeneration() -> Int64 { .random(in: 1..<1 << 53) }
}
