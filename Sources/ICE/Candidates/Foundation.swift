import Primitives

/// Makes foundations (RFC 8445 section 5.1.1.3): equal for equal type, base address and server.
enum Foundation {
    static func of(type: CandidateType, base: IPAddress, server: IPAddress?) -> String {
        // FNV-1a: only equality matters, and the text must not show the addresses themselves.
        var hash: UInt32 = 2_166_136_261
        for byte in "\(type.rawValue) \(base) \(server.map { "\($0)" } ?? "-")".utf8 {
            hash = (hash ^ UInt32(byte)) &* 16_777_619
        }
        return String(hash)
    }
}
