public import Primitives

/// What a request asks for (RFC 9112 section 3.2): the path and query of its target.
public struct RequestTarget: Hashable, Sendable {
    /// Percent-decoded; `*` for the server as a whole.
    public var path: String
    /// Percent-decoded, in order. Empty parts (`?&&a=1`) are none.
    public var query: [QueryItem]
    /// The host and port of an absolute target, which then replaces the Host field (RFC 9112 section 3.2.2).
    public var authority: String?

    /// Origin, absolute and asterisk form. The authority form belongs to CONNECT, which no server here has.
    init(_ bytes: ArraySlice<UInt8>, method: HTTPMethod) throws(HTTPViolation) {
        if bytes.elementsEqual([0x2A]) {
            guard method == .options else { throw .malformed("the target * is for OPTIONS") }
            self.init(path: "*", query: [], authority: nil)
            return
        }
        var rest = bytes
        var authority: String?
        if rest.first != 0x2F { (authority, rest) = try RequestTarget.absolute(rest) }
        guard rest.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else {
            throw .malformed("the target holds characters that must be percent-encoded")
        }
        let end = rest.firstIndex(of: 0x3F) ?? rest.endIndex
        let path = try RequestTarget.decoded(rest[rest.startIndex..<end], isQuery: false)
        var query: [QueryItem] = []
        if end < rest.endIndex {
            for part in rest[(end + 1)...].split(separator: 0x26) {
                let equals = part.firstIndex(of: 0x3D) ?? part.endIndex
                let value = equals < part.endIndex ? part[(equals + 1)...] : part[part.endIndex...]
                query.append(
                    QueryItem(
                        name: try RequestTarget.decoded(part[part.startIndex..<equals], isQuery: true),
                        value: try RequestTarget.decoded(value, isQuery: true)))
            }
        }
        self.init(path: path.isEmpty ? "/" : path, query: query, authority: authority)
    }

    private init(path: String, query: [QueryItem], authority: String?) {
        self.path = path
        self.query = query
        self.authority = authority
    }

    private static func absolute(_ bytes: ArraySlice<UInt8>) throws(HTTPViolation) -> (String, ArraySlice<UInt8>) {
        let schemes: [[UInt8]] = [Array("http://".utf8), Array("https://".utf8)]
        for scheme in schemes where bytes.prefix(scheme.count).map(\.asciiLowercased) == scheme {
            let rest = bytes.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == 0x2F || $0 == 0x3F } ?? rest.endIndex
            let authority = rest[rest.startIndex..<end]
            guard !authority.isEmpty, authority.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x40 }) else { break }
            return (String(decoding: authority, as: UTF8.self), rest[end...])
        }
        throw .malformed("the target is no path")
    }

    /// Undoes percent-encoding (RFC 3986 section 2.1), and in a query the form encoding's `+`.
    private static func decoded(_ bytes: ArraySlice<UInt8>, isQuery: Bool) throws(HTTPViolation) -> String {
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == 0x25 {
                guard bytes.endIndex - index > 2, let high = bytes[index + 1].hexadecimalDigit,
                    let low = bytes[index + 2].hexadecimalDigit
                else { throw .malformed("the target has a percent sign without two hexadecimal digits") }
                plain.append(high << 4 | low)
                index += 3
            } else {
                plain.append(isQuery && byte == 0x2B ? 0x20 : byte)
                index += 1
            }
        }
        // A filter that is left out because it cannot be read would show what it was to hide.
        guard let text = String(validating: plain, as: UTF8.self) else { throw .malformed("the target is no UTF-8") }
        return text
    }
}
