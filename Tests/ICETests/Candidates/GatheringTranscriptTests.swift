import Primitives
import STUN
import TestSupport
import Testing

@testable import ICE

/// What `Gathering` announces, call by call.
@Suite struct GatheringTranscriptTests {
    private let base = SocketAddress("10.0.0.2:6000")!
    private let mapped = SocketAddress("203.0.113.9:40000")!
    private let servers = [SocketAddress("198.18.0.1:3478")!, SocketAddress("198.18.0.2:3478")!]
    private let start = Instant.zero + .seconds(100)

    /// Sockets, servers, and the pace at which they are asked.
    private struct Stage {
        var gathering = Gathering(configuration: ICEConfiguration(), usernameFragment: "ours")
        var pacing = StartPacing(interval: .milliseconds(50))
        var random = RandomSource.seeded(1)

        mutating func poll(now: Instant) throws -> (transmit: Transmit, id: TransactionID)? {
            var packet = PacketBuffer(capacity: 1500)
            guard
                let transmit = gathering.pollTransmit(
                    into: &packet, pacing: &pacing, keepsAlive: true, random: &random, now: now)
            else { return nil }
            return (transmit, try STUNMessage(packet.bytes).transactionID)
        }

        mutating func answer(
            _ id: TransactionID, mapped: SocketAddress, from server: SocketAddress, to base: SocketAddress, now: Instant
        ) throws -> Gathering.Answer? {
            let bytes = [UInt8].written { writer in
                let message = STUNMessageWriter(.bindingSuccess, id, into: &writer)
                message.write(.xorMappedAddress, xor: mapped, into: &writer)
            }!
            return gathering.handleResponse(try STUNMessage(bytes.span), from: server, local: base, now: now)
        }
    }

    @Test func serversAreAskedOneAfterTheOther() throws {
        var stage = Stage()
        for server in servers { stage.gathering.addServer(server, random: &stage.random, now: start) }
        let host = try #require(stage.gathering.addSocket(base, random: &stage.random, now: start))
        #expect(host.candidate.address == .ip(base) && host.candidate.usernameFragment == "ours")
        #expect(stage.gathering.addSocket(base, random: &stage.random, now: start) == nil)
        stage.gathering.finishAddresses()
        #expect(!stage.gathering.mayComplete)

        let first = try #require(try stage.poll(now: start))
        #expect(first.transmit == Transmit(source: base, destination: servers[0]))
        #expect(try stage.poll(now: start) == nil)
        let second = try #require(try stage.poll(now: start + .milliseconds(50)))
        #expect(second.transmit == Transmit(source: base, destination: servers[1]))

        let now = start + .milliseconds(80)
        #expect(
            try stage.answer(first.id, mapped: mapped, from: servers[1], to: base, now: now)
                == .dropped(.responseAsymmetric))
        guard
            case .candidate(let candidate) = try stage.answer(
                first.id, mapped: mapped, from: servers[0], to: base, now: now)
        else {
            Issue.record("an answer makes a candidate")
            return
        }
        #expect(candidate.address == .ip(mapped) && candidate.relatedAddress == .ip(base))
        // Nobody has asked that any more, and the other server says the same.
        #expect(try stage.answer(first.id, mapped: mapped, from: servers[0], to: base, now: now) == nil)
        #expect(try stage.answer(second.id, mapped: mapped, from: servers[1], to: base, now: now) == .nothingNew)
        #expect(stage.gathering.mayComplete)
        #expect(stage.gathering.server(of: mapped, base: base) == servers[0])
    }

    @Test func aServerThatDoesNotAnswerIsGivenUp() throws {
        var stage = Stage()
        stage.gathering.addServer(servers[0], random: &stage.random, now: start)
        _ = stage.gathering.addSocket(base, random: &stage.random, now: start)
        stage.gathering.finishAddresses()
        for milliseconds in [0, 500, 1500, 3500] {
            #expect(try stage.poll(now: start + .milliseconds(milliseconds)) != nil)
            #expect(try stage.poll(now: start + .milliseconds(milliseconds)) == nil)
        }
        #expect(
            stage.gathering.nextTimeout(pacing: stage.pacing, keepsAlive: true)
                == Wake(at: start + .seconds(5), reason: .iceGathering))
        stage.gathering.handleTimeout(now: start + .seconds(5))
        #expect(stage.gathering.mayComplete)
        #expect(stage.gathering.nextTimeout(pacing: stage.pacing, keepsAlive: true) == nil)
    }

    @Test func aRestartAnnouncesWhatIsKnown() throws {
        var stage = Stage()
        stage.gathering.addServer(servers[0], random: &stage.random, now: start)
        _ = stage.gathering.addSocket(base, random: &stage.random, now: start)
        let question = try #require(try stage.poll(now: start))
        _ = try stage.answer(question.id, mapped: mapped, from: servers[0], to: base, now: start)
        let seen = MappedAddress(base: base, server: servers[1], mapped: SocketAddress("203.0.113.9:50000")!)
        let candidates = stage.gathering.restart(usernameFragment: "next", relays: [seen])
        #expect(candidates.map(\.address) == [.ip(base), .ip(mapped), .ip(seen.mapped)])
        #expect(candidates.allSatisfy { $0.usernameFragment == "next" })
        #expect(Set(candidates.map(\.priority)).count == 3)
        // Its NAT's binding is kept for fifteen seconds at a time, while it may be needed.
        #expect(try stage.poll(now: start + .milliseconds(14_999)) == nil)
        #expect(try stage.poll(now: start + .seconds(15))?.transmit.destination == servers[0])
        stage.gathering.remove(base)
        #expect(stage.gathering.candidates.isEmpty && stage.gathering.bases.isEmpty)
        #expect(try stage.poll(now: start + .seconds(60)) == nil)
    }
}
