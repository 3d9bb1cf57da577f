internal import Crypto
internal import Primitives

/// RFC 6455 section 4.2.2: what proves that a server has read the handshake.
enum WebSocketProof {
    static func accept(_ key: String) -> String {
        let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        return Base64.encode(Digest.hash(text.span, using: .sha1).span)
    }

    /// A fresh key of 16 random bytes.
    static func key() -> String { Base64.encode(SecureRandom.bytes(16).span) }
}
