internal import CWebSockets
public import Primitives

/// One certificate of a server's chain: what a technician wants to know of it.
public struct ServerCertificate: Hashable, Sendable {
    /// Common name, or the organization; empty when there is neither.
    public var subject: String
    public var issuer: String
    public var validFrom: WallClock
    public var validTo: WallClock

    public init(subject: String, issuer: String, validFrom: WallClock, validTo: WallClock) {
        self.subject = subject
        self.issuer = issuer
        self.validFrom = validFrom
        self.validTo = validTo
    }

    /// The chain that a verification is about, the server's own certificate first.
    static func chain(under store: UnsafeMutableRawPointer) -> [ServerCertificate] {
        var chain: [ServerCertificate] = []
        var (from, to): (Int64, Int64) = (0, 0)
        var subject = [CChar](repeating: 0, count: 256)
        var issuer = subject
        while chain.count < 10, cws_chain_entry(store, Int32(chain.count), &subject, &issuer, 256, &from, &to) == 1 {
            chain.append(
                ServerCertificate(
                    subject: text(subject), issuer: text(issuer), validFrom: WallClock(secondsSince1970: from),
                    validTo: WallClock(secondsSince1970: to)))
        }
        return chain
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
