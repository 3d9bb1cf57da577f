// The Session Description Protocol (RFC 8866) as WebRTC uses it (RFC 9429, JSEP).
//
// A description is lines `letter=value`: a session part, then one section per `m=` line. What WebRTC needs
// stands in `a=` attributes, most of them per section. Two layers keep this readable:
//
//   1. `SessionDescription` and `MediaDescription` hold the lines as they were: every attribute in its order,
//      known or not. Parsing this layer fails only where the lines themselves are broken.
//   2. Extensions of `MediaDescription` read the attributes as values (`codecs`, `headerExtensions`,
//      `iceCredentials` …). They skip what they cannot read, as browsers do: one strange `a=fmtp` must not cost
//      the operator the picture.
//
// `Negotiator` stands above both: offer in, answer and `NegotiatedSession` out. Lines that are not needed for
// WebRTC (`i=`, `u=`, `k=` …) are read and forgotten.

/// A session description: what is said before the first `m=` line, and the media sections.
public struct SessionDescription: Hashable, Sendable {
    /// The longest text accepted, in bytes: the limit of the signaling contract.
    public static let maximumLength = 65_536
    /// The most media sections accepted.
    public static let maximumMediaSections = 64
    /// The most attributes accepted in all: browsers' longest offers have half as many in the longest text that is accepted.
    public static let maximumAttributes = 4_096
    /// The most before the first section, where every section looks for what it does not say itself.
    public static let maximumSessionAttributes = 256
    /// The most `b=` lines kept in one place.
    static let maximumBandwidthLines = 8

    /// The author of the description and its version.
    public var origin: Origin
    /// The `s=` line.
    public var name: String
    /// Session-level attributes in their order.
    public var attributes: [Attribute]
    /// In their order, which offer and answer share.
    public var media: [MediaDescription]
    /// The values of the `b=` lines before the first section (RFC 8866 section 5.8): `AS:500`, `TIAS:500000`.
    public var bandwidth: [String] = []

    /// Nothing is checked; `bandwidth` stays empty.
    public init(origin: Origin, name: String = "-", attributes: [Attribute] = [], media: [MediaDescription] = []) {
        self.origin = origin
        self.name = name
        self.attributes = attributes
        self.media = media
    }

    /// The `o=` line (RFC 8866 section 5.2). The address is not used by WebRTC.
    public struct Origin: Hashable, Sendable {
        /// `-` as a rule.
        public var username: String
        /// A numeric string: beyond 64 bits in some stacks.
        public var sessionID: String
        /// A numeric string; grows with every description of the same session.
        public var sessionVersion: String
        /// Network type, address type and address: `IN IP4 127.0.0.1`.
        public var address: String

        /// The address is of no use here and says so.
        public init(
            username: String = "-", sessionID: String, sessionVersion: String, address: String = "IN IP4 127.0.0.1"
        ) {
            self.username = username
            self.sessionID = sessionID
            self.sessionVersion = sessionVersion
            self.address = address
        }
    }
}

/// One `a=` line: `name` or `name:value`.
public struct Attribute: Hashable, Sendable {
    /// Case counts (RFC 8866 section 5.13).
    public var name: String
    /// Nil without a colon; `""` behind one that nothing follows.
    public var value: String?

    /// Neither part may hold a line end; parsing never yields one.
    public init(_ name: String, _ value: String? = nil) {
        self.name = name
        self.value = value
    }
}

/// One `m=` section (RFC 8866 section 5.14).
public struct MediaDescription: Hashable, Sendable {
    /// `audio`, `video`, `application` or another token.
    public var media: String
    /// 0: rejected, or offered as bundle-only.
    public var port: UInt16
    /// `UDP/TLS/RTP/SAVPF` as a rule.
    public var transport: String
    /// For RTP the payload types, most wanted first.
    public var formats: [String]
    /// The section's `c=` line, if any.
    public var connection: String?
    /// Attributes in their order.
    public var attributes: [Attribute]
    /// The values of the section's `b=` lines.
    public var bandwidth: [String] = []

    /// Nothing is checked; `bandwidth` stays empty.
    public init(
        media: String, port: UInt16, transport: String, formats: [String], connection: String? = "IN IP4 0.0.0.0",
        attributes: [Attribute] = []
    ) {
        self.media = media
        self.port = port
        self.transport = transport
        self.formats = formats
        self.connection = connection
        self.attributes = attributes
    }
}

extension Array where Element == Attribute {
    /// The value of the first attribute of this name, without blanks at its ends; an attribute without a value gives "".
    func first(_ name: String) -> String? {
        for attribute in self where attribute.name == name { return String((attribute.value ?? "").trimmingSpaces) }
        return nil
    }

    /// The values of all attributes of this name, without blanks at their ends.
    func all(_ name: String) -> [String] {
        compactMap { $0.name == name ? $0.value.map { String($0.trimmingSpaces) } : nil }
    }

    func has(_ name: String) -> Bool { contains { $0.name == name } }
}

// A description carries the ICE password, so it does not print itself by accident.
extension SessionDescription: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "session description with \(media.count) media sections" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
