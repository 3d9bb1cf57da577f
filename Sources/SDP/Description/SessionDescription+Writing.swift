extension SessionDescription {
    /// The description as it travels: CRLF after every line (RFC 8866 section 5).
    public var text: String {
        var text = "v=0\r\n"
        text += "o=\(origin.username) \(origin.sessionID) \(origin.sessionVersion) \(origin.address)\r\n"
        text += "s=\(name)\r\n"
        for line in bandwidth { text += "b=\(line)\r\n" }
        text += "t=0 0\r\n"
        for attribute in attributes { attribute.write(into: &text) }
        for section in media {
            text +=
                "m=\(section.media) \(section.port) \(section.transport) \(section.formats.joined(separator: " "))\r\n"
            if let connection = section.connection { text += "c=\(connection)\r\n" }
            for line in section.bandwidth { text += "b=\(line)\r\n" }
            for attribute in section.attributes { attribute.write(into: &text) }
        }
        return text
    }
}

extension Attribute {
    fileprivate func write(into text: inout String) {
        text += "a="
        text += name
        if let value {
            text += ":"
            text += value
        }
        text += "\r\n"
    }
}
