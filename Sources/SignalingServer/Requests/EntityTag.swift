import Crypto
import Primitives

enum EntityTag {
    /// Changes with the content and with nothing else.
    static func of(_ body: [UInt8]) -> String {
        let digest = Digest.hash(body.span, using: .sha256)
        return Hex.encode(Array(digest.prefix(12)).span)
    }
}
