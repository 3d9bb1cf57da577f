import Configuration

extension AgentConfiguration {
    /// A reader for badges or bar codes that types what it reads as a keyboard would.
    public struct BadgeReader: Sendable, Hashable, Decodable {
        /// What a badge that was read means for its crew member.
        public enum Action: String, Sendable, CaseIterable, Decodable {
            /// On, then off, then on again.
            case toggle
            case signOn = "sign-on"
            case signOff = "sign-off"
        }

        /// An event device; the default is the link that the udev rules make.
        public var device: String
        /// A regular expression that the whole badge must match; its first group, if any, is the crew member's number.
        public var pattern: String
        /// `toggle` unless the file says otherwise.
        public var action: Action
        /// Texts that the reader types before a badge and that do not belong to it; the first that matches is removed. At
        /// most 16 of 1 to 32 ASCII characters.
        public var prefixes: [String]

        enum CodingKeys: CodingKey, CaseIterable { case device, pattern, action, prefixes }

        /// The defaults: `/dev/kiosk/badge-reader`, 3 to 32 letters, digits and hyphens, `toggle`, no prefixes.
        public init() {
            (device, pattern, action) = ("/dev/kiosk/badge-reader", "[0-9A-Za-z-]{3,32}", .toggle)
            prefixes = []
        }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let fallback = BadgeReader()
            device = try values.value(.device, default: fallback.device) {
                $0.hasPrefix("/dev/") ? nil : "must be a path under /dev"
            }
            pattern = try values.value(.pattern, default: fallback.pattern) {
                (try? Regex($0)) == nil ? "must be a regular expression" : nil
            }
            action = try values.value(.action, default: fallback.action)
            prefixes = try values.value(.prefixes, default: fallback.prefixes) { prefixes in
                let isTyped = prefixes.allSatisfy { prefix in
                    // The characters that Ctrl+J, Ctrl+M and Ctrl+I type end a line, so no prefix contains them.
                    (1...32).contains(prefix.utf8.count)
                        && prefix.utf8.allSatisfy { $0 < 0x7F && ![0, 0x09, 0x0A, 0x0D].contains($0) }
                }
                return isTyped && prefixes.count <= 16 ? nil : "must be at most 16 texts of 1 to 32 ASCII characters"
            }
        }
    }
}
