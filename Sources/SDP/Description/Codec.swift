public import Primitives

/// A format of a media section: payload type, encoding, parameters and the feedback agreed for it.
public struct Codec: Hashable, Sendable {
    /// What its packets carry in their headers.
    public var payloadType: PayloadType
    /// The encoding name as offered; compare with `isNamed`, case does not count (RFC 8866 section 6.6).
    public var name: String
    /// Hertz of the RTP clock.
    public var clockRate: UInt32
    /// Audio channels; 1 when not stated.
    public var channels: Int
    /// The `a=fmtp` of this payload type.
    public var parameters: FormatParameters
    /// As far as offered or understood; kinds that we do not know are left out.
    public var feedback: Set<Feedback>

    /// Nothing is checked.
    public init(
        payloadType: PayloadType, name: String, clockRate: UInt32, channels: Int = 1,
        parameters: FormatParameters = FormatParameters(), feedback: Set<Feedback> = []
    ) {
        self.payloadType = payloadType
        self.name = name
        self.clockRate = clockRate
        self.channels = channels
        self.parameters = parameters
        self.feedback = feedback
    }

    /// Whether the names are the same, case ignored.
    public func isNamed(_ other: String) -> Bool { name.lowercased() == other.lowercased() }
}

/// The parameters of an `a=fmtp` line: `name=value` pairs in their order, separated by semicolons.
public struct FormatParameters: Hashable, Sendable {
    /// In their order; a name may come twice.
    public var pairs: [Pair]

    /// One parameter.
    public struct Pair: Hashable, Sendable {
        /// As written; compared without regard to case.
        public var name: String
        /// Empty where the line has no `=`.
        public var value: String
    }

    /// Pairs of name and value, in that order.
    public init(_ pairs: [(String, String)] = []) {
        self.pairs = pairs.map { Pair(name: $0.0, value: $0.1) }
    }

    /// Reads the part of the line behind the payload type. A part without `=` becomes a pair with an empty value.
    public init(parsing text: some StringProtocol) {
        pairs = text.split(separator: ";").compactMap { part in
            let trimmed = part.trimmingSpaces
            if trimmed.isEmpty { return nil }
            guard let equals = trimmed.firstIndex(of: "=") else { return Pair(name: String(trimmed), value: "") }
            return Pair(
                name: String(trimmed[..<equals].trimmingSpaces),
                value: String(trimmed[trimmed.index(after: equals)...].trimmingSpaces))
        }
    }

    /// The value of the first parameter of this name, case ignored.
    public subscript(name: String) -> String? {
        let wanted = name.lowercased()
        return pairs.first { $0.name.lowercased() == wanted }?.value
    }

    /// The parameter as a number; nil when absent or not a number.
    public func integer(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

    /// Whether the answer needs no `a=fmtp` line.
    public var isEmpty: Bool { pairs.isEmpty }

    /// As it stands behind the payload type: `minptime=10;useinbandfec=1`.
    public var text: String {
        pairs.map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }.joined(separator: ";")
    }
}

/// A kind of RTCP feedback (RFC 4585 section 4.2, RFC 5104 section 7, and two of the browsers' own).
public enum Feedback: String, Hashable, Sendable, CaseIterable {
    /// Generic NACK (RFC 4585 section 6.2.1).
    case nack = "nack"
    /// Picture loss indication (RFC 4585 section 6.3.1).
    case pictureLoss = "nack pli"
    /// Full intra request (RFC 5104 section 4.3.1).
    case fullIntraRequest = "ccm fir"
    /// Transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    case transportWide = "transport-cc"
    /// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb).
    case receiverEstimate = "goog-remb"
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmingSpaces: SubSequence {
        var slice = self[...]
        while let first = slice.first, first == " " || first == "\t" { slice = slice.dropFirst() }
        while let last = slice.last, last == " " || last == "\t" { slice = slice.dropLast() }
        return slice
    }
}
