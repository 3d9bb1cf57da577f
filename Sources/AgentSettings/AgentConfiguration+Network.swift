import Configuration

extension AgentConfiguration {
    /// Which network interfaces carry media. The lists are of names, or of prefixes that end in `*`.
    public struct Network: Sendable, Hashable, Decodable {
        /// When it is not empty, only these.
        public var allow: [String]
        /// Not these.
        public var deny: [String]

        enum CodingKeys: CodingKey, CaseIterable { case allow, deny }

        /// The default: every interface that `InterfaceFilter` finds usable.
        public init() { (allow, deny) = ([], []) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            allow = try values.value(.allow, default: [], rule: Network.rule)
            deny = try values.value(.deny, default: [], rule: Network.rule)
        }

        /// IFNAMSIZ leaves 15 bytes for a name.
        private static func rule(_ patterns: [String]) -> String? {
            let areNames = patterns.allSatisfy { pattern in
                let name = pattern.hasSuffix("*") ? pattern.dropLast() : pattern[...]
                return pattern.utf8.count <= 16 && !pattern.isEmpty && !name.contains("*")
                    && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
            }
            return areNames ? nil : "must be names of interfaces, or prefixes of them with * at the end"
        }
    }
}
