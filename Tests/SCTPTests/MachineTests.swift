import Primitives
import TestSupport
import Testing

@testable import SCTP

/// The parts that an association joins, each by itself: an event, and the value that it is answered with.
@Suite struct MachineTests {
    private static let now = Instant(nanoseconds: 5_000_000_000)
    private static let configuration = AssociationConfiguration()
    private static let peer = InitiationChunk(
        tag: 7, window: 5000, outgoingStreams: 5, incomingStreams: 6, initialTSN: TSN(100), extensions: [])
    private static let remote = RemoteEndpoint(peer, own: peer)

    private static func value(_ chunk: InitiationChunk, _ parameters: [UInt8] = []) -> [UInt8] {
        big(chunk.tag) + big(chunk.window) + big(chunk.outgoingStreams) + big(chunk.incomingStreams)
            + big(chunk.initialTSN.rawValue) + parameters
    }

    /// Each phase once.
    private static let phases: [AssociationPhase] = [
        .idle, .cookieWait, .cookieEchoed(remote, cookie: [1], report: []), .established(remote),
        .shutdownPending(remote), .shutdownSent(remote), .shutdownReceived(remote), .shutdownAckSent(remote), .ended,
    ]

    // MARK: ChunkSequence

    @Test func chunksComeOneAfterAnother() {
        let bytes =
            [9, 9, 9, 9] + Packet.chunk(11) + Packet.chunk(7, [1, 2, 3, 4]) + Packet.chunk(4, flags: 5, [1, 2, 3]) + [0]
        var chunks = ChunkSequence(from: 4)
        #expect(chunks.next(in: bytes.span) == .chunk(.cookieAck, flags: 0, value: 8..<8))
        #expect(chunks.next(in: bytes.span) == .chunk(.shutdown, flags: 0, value: 12..<16))
        #expect(chunks.next(in: bytes.span) == .chunk(.heartbeat, flags: 5, value: 20..<23))
        #expect(chunks.next(in: bytes.span) == .end)
        #expect(chunks.next(in: bytes.span) == .end)
    }

    @Test func unknownChunksAreReadByTheirHighBits() {
        let passed = Packet.chunk(0xBF, [1, 2, 3, 4]) + Packet.chunk(0xFF, [1, 2, 3, 4])
        var chunks = ChunkSequence(from: 0)
        var bytes = passed + Packet.chunk(0x3F) + Packet.chunk(11)
        #expect(chunks.next(in: bytes.span) == .unknown(reported: nil))
        #expect(chunks.next(in: bytes.span) == .unknown(reported: 8..<16))
        #expect(chunks.next(in: bytes.span) == .unknown(reported: nil))
        #expect(chunks.next(in: bytes.span) == .end)

        chunks = ChunkSequence(from: 0)
        bytes = Packet.chunk(0x7F, [UInt8](repeating: 1, count: 300)) + Packet.chunk(11)
        #expect(chunks.next(in: bytes.span) == .unknown(reported: 0..<256))
        #expect(chunks.next(in: bytes.span) == .end)
    }

    @Test func nothingIsReadBehindALengthThatCannotBe() {
        for broken in [Packet.chunk(11, length: 3), Packet.chunk(11, length: 100), [11, 0, 0]] {
            let bytes = Packet.chunk(8) + broken
            var chunks = ChunkSequence(from: 0)
            #expect(chunks.next(in: bytes.span) == .chunk(.shutdownAck, flags: 0, value: 4..<4))
            #expect(chunks.next(in: bytes.span) == .malformed)
            #expect(chunks.next(in: bytes.span) == .end)
        }
    }

    // MARK: PacketAdmission

    /// Of an association that expects the tag 1 and sends 2.
    private static func admit(
        _ tag: UInt32, checksummed: Bool = false, isAssociated: Bool = true, _ chunks: [UInt8]...
    ) -> PacketAdmission.Verdict {
        let bytes = Packet.bytes(tag: tag, checksummed: checksummed, chunks.flatMap { $0 })
        return PacketAdmission.judge(bytes.span, configuration, own: 1, remote: 2, isAssociated: isAssociated)
    }

    @Test func packetsAreAdmittedByTheirFirstChunk() {
        let value = 16..<16
        #expect(Self.admit(1, Packet.chunk(11)) == .chunks(from: 12))
        #expect(Self.admit(2, Packet.chunk(11)) == .drop(.verificationTagMismatch))
        #expect(Self.admit(1) == .drop(.malformedPacket))
        #expect(Self.admit(1, Packet.chunk(11, length: 3)) == .drop(.malformedPacket))
        #expect(Self.admit(0, checksummed: true, Packet.chunk(1)) == .initiation(value))
        #expect(Self.admit(0, Packet.chunk(1)) == .drop(.checksumInvalid))
        #expect(Self.admit(1, checksummed: true, Packet.chunk(1)) == .drop(.initiationInvalid))
        #expect(Self.admit(0, checksummed: true, Packet.chunk(1), Packet.chunk(11)) == .drop(.initiationInvalid))
        #expect(
            Self.admit(9, checksummed: true, Packet.chunk(10), Packet.chunk(11))
                == .cookieEcho(value, tag: 9, next: 16))
        for type in [6, 14] as [UInt8] {
            #expect(Self.admit(1, Packet.chunk(type)) == .chunks(from: 12))
            #expect(Self.admit(2, Packet.chunk(type)) == .drop(.verificationTagMismatch))
            #expect(Self.admit(2, Packet.chunk(type, flags: 1)) == .chunks(from: 12))
            #expect(Self.admit(1, Packet.chunk(type, flags: 1)) == .drop(.verificationTagMismatch))
        }
    }

    @Test func whatComesOutOfTheBlueIsAnsweredByItsType() {
        let answers: [(UInt8, ChunkType?)] = [
            (0, .abort), (3, .abort), (2, .abort), (7, .abort), (8, .shutdownComplete), (9, nil), (11, nil),
            (0x3F, .abort),
        ]
        for (type, answer) in answers {
            #expect(Self.admit(9, isAssociated: false, Packet.chunk(type)) == .outOfTheBlue(answer: answer, tag: 9))
        }
        // These are answered by nothing whatever their tag.
        #expect(Self.admit(9, isAssociated: false, Packet.chunk(6)) == .drop(.verificationTagMismatch))
        #expect(Self.admit(9, isAssociated: false, Packet.chunk(14)) == .drop(.verificationTagMismatch))
    }

    // MARK: The end of an AssociationPhase

    @Test func ourShutdownGoesWhenAllIsSent() {
        var phase = AssociationPhase.established(Self.remote)
        #expect(phase.sendingIsDone() == nil)
        #expect(phase.applicationShutsDown() == .begun)
        #expect(phase == .shutdownPending(Self.remote))
        #expect(phase.applicationShutsDown() == .repeated)
        #expect(phase.shutdownAckSender == nil)
        #expect(phase.sendingIsDone() == .shutdown)
        #expect(phase == .shutdownSent(Self.remote))
        #expect(phase.sendingIsDone() == nil)
        #expect(!phase.awaitsShutdownComplete)
        #expect(phase.shutdownAckSender == Self.remote)
    }

    @Test func thePeersShutdownIsAnsweredWhenAllIsSent() {
        for begin in [AssociationPhase.established(Self.remote), .shutdownPending(Self.remote)] {
            var phase = begin
            #expect(phase.peerShutsDown() == .taken)
            #expect(phase == .shutdownReceived(Self.remote))
            #expect(phase.peerShutsDown() == .taken)
            #expect(phase.applicationShutsDown() == .repeated)
            #expect(!phase.awaitsShutdownComplete)
            #expect(phase.sendingIsDone() == .shutdownAck)
            #expect(phase == .shutdownAckSent(Self.remote))
            #expect(phase.peerShutsDown() == .repeated)
            #expect(phase.awaitsShutdownComplete)
        }
    }

    @Test func shutdownsThatCrossAreBothAcknowledged() {
        var phase = AssociationPhase.shutdownSent(Self.remote)
        #expect(phase.peerShutsDown() == .crossed)
        #expect(phase == .shutdownAckSent(Self.remote))
        #expect(phase.repeated == .shutdownAck)
        #expect(phase.shutdownAckSender == Self.remote)
    }

    @Test func noShutdownEndsWhatHasNotBegun() {
        for begin in Self.phases.prefix(3) + [.ended] {
            var phase = begin
            #expect(phase.peerShutsDown() == .unexpected)
            #expect(phase.applicationShutsDown() == (begin == .ended ? .repeated : .notEstablished))
            #expect(phase.sendingIsDone() == nil)
            #expect(phase.shutdownAckSender == nil)
            #expect(!phase.awaitsShutdownComplete)
            #expect(phase == begin)
        }
    }

    // MARK: Handshake

    private static func handshake() -> Handshake {
        Handshake(configuration, authenticator: .openSSL, random: .seeded(7))
    }

    /// The cookie of the INIT ACK to an INIT of `chunk`, and the chunk that went with it.
    private static func cookie(
        of handshake: inout Handshake, for chunk: InitiationChunk = peer, in phase: AssociationPhase
    ) throws -> (own: InitiationChunk, bytes: [UInt8]) {
        let answer = handshake.answer(initiation: value(chunk).span, in: phase, now: now)
        guard case .acknowledged(chunk.tag, let own, let cookie, []) = answer else {
            throw UnexpectedAnswer(answer: answer)
        }
        return (own, cookie)
    }

    private struct UnexpectedAnswer: Error {
        var answer: Handshake.InitiationAnswer
    }

    @Test func anINITIsAnsweredByThePhase() throws {
        for phase in Self.phases {
            var handshake = Self.handshake()
            let own = handshake.own
            let answer = handshake.answer(initiation: Self.value(Self.peer).span, in: phase, now: Self.now)
            switch phase {
            case .idle, .cookieWait, .cookieEchoed:
                guard case .acknowledged(7, own, _, []) = answer else { throw UnexpectedAnswer(answer: answer) }
            case .established, .shutdownPending, .shutdownSent, .shutdownReceived:
                guard case .acknowledged(7, let fresh, _, []) = answer else { throw UnexpectedAnswer(answer: answer) }
                #expect(fresh.tag != own.tag)
                #expect(fresh.initialTSN != own.initialTSN)
            case .shutdownAckSent: #expect(answer == .shutdownAckAgain)
            case .ended: #expect(answer == .ended(tag: 7))
            }
            // Until the cookie comes back nothing has changed.
            #expect(handshake.own == own)
        }
    }

    @Test func anINITThatCannotBeIsRefusedInEachPhase() {
        var (tagless, narrow, mute) = (Self.peer, Self.peer, Self.peer)
        tagless.tag = 0
        narrow.window = 1499
        mute.outgoingStreams = 0
        var deaf = Self.peer
        deaf.incomingStreams = 0
        for phase in Self.phases {
            var handshake = Self.handshake()
            func answer(_ value: [UInt8]) -> Handshake.InitiationAnswer {
                handshake.answer(initiation: value.span, in: phase, now: Self.now)
            }
            #expect(answer([1, 2, 3]) == .dropped(.malformedChunk))
            #expect(answer(Self.value(tagless)) == .dropped(.initiationInvalid))
            #expect(answer(Self.value(narrow)) == .dropped(.initiationInvalid))
            #expect(answer(Self.value(mute)) == .refused(tag: 7))
            #expect(answer(Self.value(deaf)) == .refused(tag: 7))
        }
    }

    @Test func anINITACKCountsOnlyWhereINITIsOut() {
        let handshake = Self.handshake()
        let expected = RemoteEndpoint(Self.peer, own: handshake.own)
        func verdict(_ value: [UInt8], _ phase: AssociationPhase = .cookieWait) -> Handshake.InitiationAckVerdict {
            handshake.judge(initiationAck: value.span, in: phase)
        }
        let cookie: [UInt8] = [0, 7, 0, 6, 1, 2, 0, 0]
        for phase in Self.phases where phase != .cookieWait {
            #expect(verdict(Self.value(Self.peer, cookie), phase) == .dropped(.unexpectedChunk))
        }
        #expect(verdict([1, 2, 3]) == .dropped(.malformedChunk))
        #expect(
            verdict(Self.value(Self.peer, cookie + [0xC5, 0, 0, 4]))
                == .accepted(expected, cookie: [1, 2], report: [0xC5, 0, 0, 4]))
        #expect(
            verdict(Self.value(Self.peer))
                == .refused(.missingMandatoryParameter, detail: [0, 0, 0, 1, 0, 7], expected))
        let large: [UInt8] = [0, 7] + big(1204 as UInt16) + [UInt8](repeating: 1, count: 1200)
        #expect(verdict(Self.value(Self.peer, large)) == .refused(.outOfResource, detail: [], expected))
        var chunk = Self.peer
        chunk.window = 1499
        #expect(
            verdict(Self.value(chunk, cookie))
                == .refused(.invalidMandatoryParameter, detail: [], RemoteEndpoint(chunk, own: handshake.own)))
        chunk.tag = 0
        #expect(verdict(Self.value(chunk, cookie)) == .withoutTag)
    }

    @Test func aCookieBeginsOneAssociation() throws {
        var handshake = Self.handshake()
        let (own, cookie) = try Self.cookie(of: &handshake, in: .idle)
        let remote = RemoteEndpoint(Self.peer, own: own)
        func verdict(_ phase: AssociationPhase, tag: UInt32? = nil, after: Duration = .zero) -> Handshake.CookieVerdict
        {
            handshake.judge(cookieEcho: cookie.span, tag: tag ?? own.tag, in: phase, now: Self.now + after)
        }
        #expect(verdict(.idle, tag: own.tag &+ 1) == .dropped(.cookieInvalid))
        #expect(verdict(.idle, after: .seconds(60)) == .begin(remote))
        #expect(verdict(.idle, after: .seconds(61)) == .stale(microseconds: 1_000_000))
        #expect(verdict(.cookieWait) == .begin(remote))
        // Ours was answered, too: its age says nothing.
        #expect(verdict(.cookieEchoed(remote, cookie: [], report: []), after: .seconds(61)) == .begin(remote))
        for phase in [AssociationPhase.established(remote), .shutdownSent(remote), .shutdownAckSent(remote)] {
            #expect(verdict(phase, after: .seconds(61)) == .repeated)
        }
        #expect(verdict(.ended) == .dropped(.unexpectedChunk))
        // Our tag with another peer's: no case of table 12 where there is an association already.
        var other = remote
        other.tag = 8
        #expect(verdict(.cookieEchoed(other, cookie: [], report: [])) == .begin(remote))
        #expect(verdict(.established(other)) == .dropped(.cookieInvalid))
        #expect(handshake.own == own)
    }

    @Test func aPeerThatBeganAnewGetsTheTagOfItsCookie() throws {
        var handshake = Self.handshake()
        let before = handshake.own
        let established = AssociationPhase.established(RemoteEndpoint(Self.peer, own: before))
        var again = Self.peer
        (again.tag, again.initialTSN) = (8, TSN(200))
        let (own, cookie) = try Self.cookie(of: &handshake, for: again, in: established)
        func verdict(_ phase: AssociationPhase, after: Duration = .zero) -> Handshake.CookieVerdict {
            handshake.judge(cookieEcho: cookie.span, tag: own.tag, in: phase, now: Self.now + after)
        }
        #expect(verdict(established, after: .seconds(62)) == .stale(microseconds: 2_000_000))
        // The tie tags are those of the association that there was.
        #expect(verdict(.idle) == .dropped(.cookieInvalid))
        var other = RemoteEndpoint(Self.peer, own: before)
        other.tag = 9
        #expect(verdict(.established(other)) == .dropped(.cookieInvalid))
        #expect(handshake.own == before)
        #expect(verdict(established) == .restart(RemoteEndpoint(again, own: own), own: own))
        #expect(handshake.own.tag == own.tag)
        #expect(handshake.own.initialTSN == own.initialTSN)
    }

    @Test func noAssociationThatEndsIsBegunAnew() throws {
        var handshake = Self.handshake()
        let remote = RemoteEndpoint(Self.peer, own: handshake.own)
        var again = Self.peer
        again.tag = 8
        let (own, cookie) = try Self.cookie(of: &handshake, for: again, in: .shutdownReceived(remote))
        #expect(
            handshake.judge(cookieEcho: cookie.span, tag: own.tag, in: .shutdownAckSent(remote), now: Self.now)
                == .shuttingDown(tag: 7))
    }
}
