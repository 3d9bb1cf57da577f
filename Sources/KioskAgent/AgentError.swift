/// Why the agent cannot run, in one line.
public struct AgentError: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) { self.description = description }
}
