import Primitives

/// All that an association is made from, in the hands of the peer while we keep nothing (RFC 9260 section 5.1.3).
struct StateCookie: Sendable, Hashable {
    /// When it was made.
    var created: Instant
    /// What our INIT ACK said.
    var localTag: UInt32
    var localTSN: TSN
    /// What the peer's INIT said.
    var peer: InitiationChunk
    /// The tags of the association that there was already; both zero where there was none.
    var localTieTag: UInt32
    var peerTieTag: UInt32

    static let size = 48 + 32
    private static let signedSize = 48
    /// What else than a cookie would be signed with this key is none.
    private static let version: UInt8 = 1

    init(
        created: Instant, localTag: UInt32, localTSN: TSN, peer: InitiationChunk, localTieTag: UInt32,
        peerTieTag: UInt32
    ) {
        self.created = created
        self.localTag = localTag
        self.localTSN = localTSN
        self.peer = peer
        self.localTieTag = localTieTag
        self.peerTieTag = peerTieTag
    }

    /// nil for bytes that were not signed with the key.
    init?(_ bytes: Span<UInt8>, authenticator: CookieAuthenticator) {
        guard bytes.count == Self.size,
            authenticator.accepts(
                bytes.extracting(Self.signedSize..<Self.size), of: bytes.extracting(0..<Self.signedSize))
        else { return nil }
        do throws(ByteReaderError) {
            var reader = ByteReader(bytes)
            let (version, extensions) = (try reader.readUInt8(), try reader.readUInt8())
            guard version == Self.version else { return nil }
            let (outgoing, incoming) = (try reader.readUInt16(), try reader.readUInt16())
            try reader.skip(2)
            created = Instant(nanoseconds: Int64(bitPattern: try reader.readUInt64()))
            localTag = try reader.readUInt32()
            localTSN = TSN(try reader.readUInt32())
            peer = InitiationChunk(
                tag: try reader.readUInt32(), window: try reader.readUInt32(), outgoingStreams: outgoing,
                incomingStreams: incoming, initialTSN: TSN(try reader.readUInt32()),
                extensions: Extensions(rawValue: extensions))
            localTieTag = try reader.readUInt32()
            peerTieTag = try reader.readUInt32()
        } catch { return nil }
    }

    /// Signed.
    func bytes(authenticator: CookieAuthenticator) -> [UInt8] {
        var bytes =
            [UInt8].written(capacity: Self.size) { writer in
                writer.write(Self.version)
                writer.write(peer.extensions.rawValue)
                writer.write(peer.outgoingStreams)
                writer.write(peer.incomingStreams)
                writer.write(0 as UInt16)
                writer.write(UInt64(bitPattern: created.nanoseconds))
                writer.write(localTag)
                writer.write(localTSN.rawValue)
                writer.write(peer.tag)
                writer.write(peer.window)
                writer.write(peer.initialTSN.rawValue)
                writer.write(localTieTag)
                writer.write(peerTieTag)
                writer.write(zeros: Self.signedSize - writer.count)
            } ?? []
        let signature = authenticator.sign(bytes.span)
        for index in 0..<32 { bytes.append(signature[index]) }
        return bytes
    }
}
