import Primitives

/// Whether a packet is an association's, and how it is to be read (RFC 9260 sections 6.10, 8.4 and 8.5).
enum PacketAdmission {
    /// What is to be done with a packet.
    enum Verdict: Equatable, Sendable {
        case drop(SCTPDrop)
        /// An INIT, which is alone in its packet; the bytes are its value.
        case initiation(Range<Int>)
        /// A COOKIE ECHO with this value. Its tag is the cookie's, which may be another than the association's; chunks follow.
        case cookieEcho(Range<Int>, tag: UInt32, next: Int)
        /// "Out of the blue": there is no association that it could be of (section 8.4). Where there is an answer, it goes with this
        /// tag and the T bit.
        case outOfTheBlue(answer: ChunkType?, tag: UInt32)
        /// The chunks from there on are the association's.
        case chunks(from: Int)
    }

    /// - Parameters:
    ///   - own: The tag that the peer must send.
    ///   - remote: The tag that we send; nil before the peer is known.
    ///   - isAssociated: Whether there is an association, or one is being made.
    static func judge(
        _ bytes: Span<UInt8>, _ configuration: AssociationConfiguration, own: UInt32, remote: UInt32?,
        isAssociated: Bool
    ) -> Verdict {
        guard bytes.count >= PacketHeader.size + ChunkType.headerSize, let header = try? PacketHeader(bytes) else {
            return .drop(.malformedPacket)
        }
        var next = PacketHeader.size
        guard let first = try? TLV.nextChunk(in: bytes, at: &next) else {
            return .drop(.malformedPacket)
        }
        let type = ChunkType(rawValue: UInt8(truncatingIfNeeded: first.type))
        // "MUST … a valid CRC32c" where the peer cannot know yet that we take none (RFC 9653 section 5.3).
        let maySkip = configuration.usesZeroChecksum && type != .initiation && type != .cookieEcho
        guard header.checksum == 0 && maySkip || header.checksum == CRC32c.checksum(ofPacket: bytes) else {
            return .drop(.checksumInvalid)
        }
        guard header.source == configuration.remotePort, header.destination == configuration.localPort else {
            return .drop(.portMismatch)
        }
        switch type {
        case .initiation:
            // "A receiver of an INIT chunk … bundled … MUST silently discard".
            return header.tag == 0 && next == bytes.count ? .initiation(first.value) : .drop(.initiationInvalid)
        case .cookieEcho: return .cookieEcho(first.value, tag: header.tag, next: next)
        case .abort, .shutdownComplete:
            // The T bit: the sender had no association, and sends our own tag back (section 8.5.1).
            guard header.tag == (first.flags & 1 == 1 ? remote : own) else { return .drop(.verificationTagMismatch) }
        default:
            guard isAssociated else { return .outOfTheBlue(answer: answer(outOfTheBlue: type), tag: header.tag) }
            guard header.tag == own else { return .drop(.verificationTagMismatch) }
        }
        return .chunks(from: PacketHeader.size)
    }

    private static func answer(outOfTheBlue type: ChunkType?) -> ChunkType? {
        switch type {
        case .shutdownAck: .shutdownComplete
        case .cookieAck, .error: nil
        case .data, .initiation, .initiationAck, .sack, .heartbeat, .heartbeatAck, .abort, .shutdown, .cookieEcho,
            .ecnEcho, .congestionWindowReduced, .shutdownComplete, .reconfiguration, .forwardTSN, nil:
            .abort
        }
    }
}
