public import SocketIO

/// One process of the server. A single one has a name too, and no others to talk to.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Unique among the nodes that share records.
    public var rawValue: String

    /// A node of that name.
    public init(rawValue: String) { self.rawValue = rawValue }

    public static func < (a: NodeID, b: NodeID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { rawValue }
}

/// Where a client is connected, as one node sees it. What is said to an address elsewhere is a message to its node.
public enum Address: Hashable, Comparable, Sendable {
    /// A socket of this node.
    case here(SocketID)
    /// A socket of another node; the number is that node's own.
    case node(NodeID, SocketID)

    /// The socket, where it is this node's.
    public var localSocket: SocketID? {
        switch self {
        case .here(let socket): socket
        case .node: nil
        }
    }

    public static func < (a: Address, b: Address) -> Bool {
        switch (a, b) {
        case (.here(let a), .here(let b)): a < b
        case (.here, .node): true
        case (.node, .here): false
        case (.node(let a, let x), .node(let b, let y)): (a, x) < (b, y)
        }
    }
}
