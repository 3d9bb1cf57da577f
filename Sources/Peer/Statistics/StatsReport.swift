public import Primitives

/// A session's numbers under the names of the W3C's "Identifiers for WebRTC's Statistics API": what `getStats()` of a
/// browser answers, said by the kiosk. Times are in seconds and rates in bits per second, as that document has them.
public struct StatsReport: Hashable, Sendable {
    /// `RTCStatsType`, those that a sender of media has. A media source is described by the capturing side.
    public enum Kind: String, CaseIterable, Sendable {
        case codec
        case outboundRTP = "outbound-rtp"
        case remoteInboundRTP = "remote-inbound-rtp"
        case mediaSource = "media-source"
        case transport
        case candidatePair = "candidate-pair"
        case localCandidate = "local-candidate"
        case remoteCandidate = "remote-candidate"
    }

    /// A member's value; `description` is how it stands in the log.
    public enum Value: Hashable, Sendable {
        case count(UInt64)
        case number(Double)
        case text(String)
        case flag(Bool)
        /// A number for each name.
        case record([String: Double])
    }

    /// One dictionary of the report; a member that is not known is left out, as the recommendation asks.
    public struct Entry: Hashable, Sendable {
        /// Stays the same as long as it is about the same thing, so that no count of it ever falls.
        public var id: String
        /// `RTCStatsType`.
        public var kind: Kind
        /// In the order in which they were set; a name is to be set once.
        public private(set) var members: [(name: String, value: Value)]

        /// No members yet.
        public init(_ id: String, _ kind: Kind) {
            self.id = id
            self.kind = kind
            members = []
        }

        /// The value of that member; nil when there is none.
        public subscript(name: String) -> Value? { members.first { $0.name == name }?.value }

        /// A text; nil sets nothing.
        public mutating func set(_ name: String, _ value: String?) { append(name, value.map(Value.text)) }
        /// A count; nil sets nothing.
        public mutating func set(_ name: String, _ value: UInt64?) { append(name, value.map(Value.count)) }
        /// A number; nil sets nothing.
        public mutating func set(_ name: String, _ value: Double?) { append(name, value.map(Value.number)) }
        /// A truth value.
        public mutating func set(_ name: String, _ value: Bool) { append(name, .flag(value)) }
        /// In seconds; nil sets nothing.
        public mutating func set(_ name: String, _ value: Duration?) {
            append(name, (value?.seconds).map(Value.number))
        }
        /// A number for each name; nil sets nothing.
        public mutating func set(_ name: String, _ value: [String: Double]?) {
            append(name, value.map(Value.record))
        }
        mutating func set(_ name: String, _ value: Bitrate?) {
            append(name, value.map { .number(Double($0.bitsPerSecond)) })
        }

        mutating func removeAll(where predicate: (String) -> Bool) { members.removeAll { predicate($0.name) } }

        private mutating func append(_ name: String, _ value: Value?) {
            if let value { members.append((name, value)) }
        }

        public static func == (one: Entry, other: Entry) -> Bool {
            one.id == other.id && one.kind == other.kind
                && one.members.elementsEqual(other.members) { $0.name == $1.name && $0.value == $1.value }
        }

        public func hash(into hasher: inout Hasher) {
            hasher.combine(id)
            for member in members {
                hasher.combine(member.name)
                hasher.combine(member.value)
            }
        }
    }

    /// In the order of the report.
    public var entries: [Entry]

    /// Nothing is checked.
    public init(entries: [Entry] = []) { self.entries = entries }

    /// What may stand in a log: the same without addresses and without members that belong to a secret.
    public var loggable: StatsReport {
        StatsReport(
            entries: entries.map { entry in
                var entry = entry
                entry.removeAll { StatsReport.privateMembers.contains($0) }
                return entry
            })
    }

    private static let privateMembers: Set = [
        "address", "port", "relatedAddress", "relatedPort", "url", "iceLocalUsernameFragment",
    ]

    /// The first entry of a kind, for media of `media` where the kind has one per medium.
    public func entry(_ kind: Kind, of media: MediaKind? = nil) -> Entry? {
        entries.first { $0.kind == kind && (media == nil || $0["kind"] == .text(media!.rawValue)) }
    }
}

extension StatsReport: CustomStringConvertible {
    /// `outbound-video: packetsSent=812 bytesSent=…; transport: …`, for the log.
    public var description: String {
        entries.map { entry in
            "\(entry.id): " + entry.members.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        }.joined(separator: "; ")
    }
}

extension StatsReport.Value: CustomStringConvertible {
    public var description: String {
        switch self {
        case .count(let count): "\(count)"
        case .number(let number): "\(number)"
        case .text(let text): text
        case .flag(let flag): "\(flag)"
        case .record(let record):
            "{" + record.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ") + "}"
        }
    }
}
