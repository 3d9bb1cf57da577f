public import Primitives

extension MediaDescription {
    /// Nil for anything but `audio` and `video`.
    public var kind: MediaKind? { MediaKind(rawValue: media) }

    /// The formats with an `a=rtpmap`, most wanted first. A payload type that is listed or mapped twice keeps its
    /// first place and mapping; one without a mapping (the static types 0, 8 …) is left out.
    public var codecs: [Codec] {
        var maps: [PayloadType: Codec] = [:]
        for value in attributes.all("rtpmap") {
            guard let codec = Codec(rtpmap: value), maps[codec.payloadType] == nil else { continue }
            maps[codec.payloadType] = codec
        }
        for value in attributes.all("fmtp") {
            let parts = value.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let type = PayloadType(text: parts[0]), maps[type]?.parameters.isEmpty == true
            else {
                continue
            }
            maps[type]?.parameters = FormatParameters(parsing: parts[1])
        }
        var everywhere: Set<Feedback> = []
        for value in attributes.all("rtcp-fb") {
            let parts = value.split(separator: " ")
            guard parts.count >= 2,
                let feedback = Feedback(rawValue: parts[1...].joined(separator: " ").lowercased())
            else { continue }
            if parts[0] == "*" {
                everywhere.insert(feedback)
            } else if let type = PayloadType(text: parts[0]) {
                maps[type]?.feedback.insert(feedback)
            }
        }
        var codecs: [Codec] = []
        for format in formats {
            guard let type = PayloadType(text: format), var codec = maps.removeValue(forKey: type) else { continue }
            codec.feedback.formUnion(everywhere)
            codecs.append(codec)
        }
        return codecs
    }

    /// The payload type that carries retransmissions of `payloadType` (RFC 4588 section 8.1), among `codecs`.
    public static func retransmissionType(of payloadType: PayloadType, among codecs: [Codec]) -> PayloadType? {
        codecs.first { $0.isNamed("rtx") && $0.parameters.integer("apt") == Int(payloadType.rawValue) }?.payloadType
    }

    /// The `a=extmap` lines with an identifier from 1 to 255; one that is mapped twice keeps its first mapping.
    public var headerExtensions: [HeaderExtensionMapping] {
        var seen: Set<UInt8> = []
        return attributes.all("extmap").compactMap { value in
            let parts = value.split(separator: " ")
            guard parts.count >= 2 else { return nil }
            let head = parts[0].split(separator: "/", maxSplits: 1)
            guard let id = head.first.flatMap({ UInt8($0) }), id > 0, !seen.contains(id) else { return nil }
            var direction = Direction.sendrecv
            if head.count == 2 {
                guard let stated = Direction(rawValue: head[1].lowercased()) else { return nil }
                direction = stated
            }
            seen.insert(id)
            return HeaderExtensionMapping(id: id, uri: String(parts[1]), direction: direction)
        }
    }

    /// The sources the describing side announces (RFC 5576 section 4.1), in order, each once.
    public var sources: [SSRC] {
        var seen: [SSRC] = []
        for value in attributes.all("ssrc") {
            guard let number = value.split(separator: " ").first.flatMap({ UInt32($0) }) else { continue }
            let ssrc = SSRC(number)
            // Only a run of one source is long; a linear search over distinct ones would be quadratic in hostile hands.
            if seen.last == ssrc { continue }
            if seen.count < 64, !seen.contains(ssrc) { seen.append(ssrc) }
        }
        return seen
    }

    /// The pairs of media source and retransmission source: `a=ssrc-group:FID`.
    public var retransmissionSources: [SSRC: SSRC] {
        var pairs: [SSRC: SSRC] = [:]
        for value in attributes.all("ssrc-group").prefix(64) {
            let parts = value.split(separator: " ")
            guard parts.count == 3, parts[0] == "FID", let media = UInt32(parts[1]), let repair = UInt32(parts[2])
            else {
                continue
            }
            pairs[SSRC(media)] = SSRC(repair)
        }
        return pairs
    }
}

extension Codec {
    /// Reads `111 opus/48000/2` and the like.
    init?(rtpmap value: String) {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let type = PayloadType(text: parts[0]) else { return nil }
        let fields = parts[1].trimmingSpaces.split(separator: "/")
        guard fields.count >= 2, let rate = UInt32(fields[1]), rate > 0 else { return nil }
        let channels = fields.count > 2 ? Int(fields[2]) ?? 1 : 1
        self.init(payloadType: type, name: String(fields[0]), clockRate: rate, channels: channels)
    }

    /// The value of this codec's `a=rtpmap`.
    var rtpmap: String { "\(payloadType) \(name)/\(clockRate)" + (channels > 1 ? "/\(channels)" : "") }
}

extension PayloadType {
    init?(text: some StringProtocol) {
        guard let number = UInt8(text) else { return nil }
        self.init(number)
    }
}
