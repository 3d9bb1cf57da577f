extension SessionDescription {
    /// Reads a description. Lines may end in CRLF, LF or CR, and have blanks before that; empty lines are skipped, unknown
    /// line types ignored.
    ///
    /// - Throws: `SDPError` where the lines themselves are broken or the description is beyond its bounds.
    public init(parsing text: String) throws(SDPError) {
        let bytes = text.utf8.count
        guard bytes <= SessionDescription.maximumLength else { throw .tooLong(bytes: bytes) }

        self.init(origin: Origin(sessionID: "0", sessionVersion: "0"))
        var sawVersion = false
        var number = 0
        var attributeCount = 0
        // Over scalars of UTF-8, because CRLF is one Character and would hide the line's end from a Character split.
        for line in text.utf8.split(omittingEmptySubsequences: false, whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            // Both halves of a CRLF split: the empty piece between them is no line.
            if line.isEmpty { continue }
            number += 1
            if line.first == UInt8(ascii: "a") { attributeCount += 1 }
            guard attributeCount <= SessionDescription.maximumAttributes else { throw .tooManyAttributes }
            try parse(line, number: number, sawVersion: &sawVersion)
        }
        guard sawVersion else { throw .versionMissing }
    }

    private mutating func parse(_ line: Substring.UTF8View, number: Int, sawVersion: inout Bool) throws(SDPError) {
        guard let type = line.first, (0x61...0x7A).contains(type), line.count >= 2,
            line[line.index(after: line.startIndex)] == UInt8(ascii: "=")
        else {
            // Before anything was recognized this is not a description at all.
            if !sawVersion { throw .versionMissing }
            throw .malformedLine(number: number)
        }
        let value = String(Substring(line.dropFirst(2)))
        if !sawVersion {
            guard type == UInt8(ascii: "v"), value.trimmingSpaces == "0" else { throw .versionMissing }
            sawVersion = true
            return
        }
        switch type {
        case UInt8(ascii: "o"): origin = try Origin(parsing: value, number: number)
        case UInt8(ascii: "s"): if media.isEmpty { name = value }
        case UInt8(ascii: "m"):
            guard media.count < SessionDescription.maximumMediaSections else { throw .tooManyMediaSections }
            media.append(try MediaDescription(parsing: value, number: number))
        case UInt8(ascii: "c"): if !media.isEmpty { media[media.count - 1].connection = value }
        case UInt8(ascii: "b"):
            if media.isEmpty {
                if bandwidth.count < SessionDescription.maximumBandwidthLines { bandwidth.append(value) }
            } else if media[media.count - 1].bandwidth.count < SessionDescription.maximumBandwidthLines {
                media[media.count - 1].bandwidth.append(value)
            }
        case UInt8(ascii: "a"):
            let attribute = Attribute(parsing: value)
            if media.isEmpty {
                guard attributes.count < SessionDescription.maximumSessionAttributes else { throw .tooManyAttributes }
                attributes.append(attribute)
            } else {
                media[media.count - 1].attributes.append(attribute)
            }
        default: break
        }
    }
}

extension SessionDescription.Origin {
    fileprivate init(parsing value: String, number: Int) throws(SDPError) {
        let parts = value.split { $0 == " " || $0 == "\t" }
        guard parts.count >= 6 else { throw .malformedOrigin(number: number) }
        self.init(
            username: String(parts[0]), sessionID: String(parts[1]), sessionVersion: String(parts[2]),
            address: parts[3...].joined(separator: " "))
    }
}

extension MediaDescription {
    fileprivate init(parsing value: String, number: Int) throws(SDPError) {
        let parts = value.split { $0 == " " || $0 == "\t" }
        // The port may carry a count of ports, `9/2`, which WebRTC does not use.
        guard parts.count >= 4, let port = parts[1].split(separator: "/").first.flatMap({ UInt16($0) }) else {
            throw .malformedMediaLine(number: number)
        }
        self.init(
            media: String(parts[0]), port: port, transport: String(parts[2]), formats: parts[3...].map(String.init),
            connection: nil)
    }
}

extension Attribute {
    fileprivate init(parsing text: String) {
        if let colon = text.firstIndex(of: ":") {
            self.init(String(text[..<colon].trimmingSpaces), String(text[text.index(after: colon)...]))
        } else {
            // A flag is its name: with a blank at its end `a=inactive` would be no direction, and media would flow.
            self.init(String(text.trimmingSpaces))
        }
    }
}
