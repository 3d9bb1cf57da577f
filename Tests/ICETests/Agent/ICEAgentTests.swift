import ICE
import Primitives
import STUN
import TestSupport
import Testing

/// One agent, its datagrams written and read by hand.
@Suite struct ICEAgentTests {
    let local = SocketAddress("192.0.2.1:6000")!
    let remote = SocketAddress("198.51.100.1:5000")!
    let other = SocketAddress("198.51.100.1:5001")!
    let theirs = ICECredentials(usernameFragment: "peer", password: "peerpasswordpeerpassword")!

    /// An agent with a base, remote credentials and no remote candidates.
    func agent(role: ICERole = .controlled, at now: Instant) -> ICEAgent {
        var agent = ICEAgent(role: role, authenticator: .openSSL, random: .seeded(5))
        agent.addLocalAddress(local, now: now)
        agent.finishLocalAddresses(now: now)
        agent.setRemoteCredentials(theirs, now: now)
        while agent.pollEvent() != nil {}
        return agent
    }

    struct Request {
        var id: UInt64 = 1
        var username: String?
        var password: String?
        var useCandidate = false
        var priority: UInt32? = 1_862_270_975
        var role: (AttributeType, UInt64)? = (.iceControlling, 99)
        var unknown = false
        var signs = true
        var hasFingerprint = true
    }

    func bytes(_ request: Request, to agent: ICEAgent) -> [UInt8] {
        let credentials = agent.localCredentials
        return [UInt8].written { writer in
            let message = STUNMessageWriter(.bindingRequest, TransactionID(high: request.id, low: 7), into: &writer)
            message.write(
                .username, utf8: request.username ?? "\(credentials.usernameFragment):peer", into: &writer)
            if let priority = request.priority { message.write(.priority, priority, into: &writer) }
            if let (type, value) = request.role { message.write(type, value, into: &writer) }
            if request.useCandidate { message.write(.useCandidate, into: &writer) }
            if request.unknown { message.write(AttributeType(rawValue: 0x7001), into: &writer) }
            if request.signs {
                message.writeMessageIntegrity(
                    key: .shortTerm(password: request.password ?? credentials.password), using: .openSSL,
                    into: &writer)
            }
            if request.hasFingerprint { message.writeFingerprint(into: &writer) }
        }!
    }

    func receive(_ request: Request, from: SocketAddress? = nil, _ agent: inout ICEAgent, now: Instant) {
        let bytes = bytes(request, to: agent)
        #expect(agent.handle(bytes.span, from: from ?? remote, local: local, now: now) == .consumed)
    }

    struct Sent: Equatable {
        var type: MessageType
        var id: TransactionID
        var to: SocketAddress
        var error: ErrorCode?
        var mapped: SocketAddress?
        var usesCandidate: Bool
        var bytes: [UInt8]
    }

    func poll(_ agent: inout ICEAgent, now: Instant) throws -> Sent? {
        var packet = PacketBuffer(capacity: 1500)
        guard let transmit = agent.pollTransmit(into: &packet, now: now) else { return nil }
        let bytes = packet.bytes.copied()
        let message = try STUNMessage(bytes.span)
        #expect(transmit.source == local)
        #expect(message.hasFingerprint == true)
        return Sent(
            type: message.type, id: message.transactionID, to: transmit.destination, error: message.errorCode,
            mapped: message.xorAddress(of: .xorMappedAddress), usesCandidate: message.has(.useCandidate),
            bytes: bytes)
    }

    func answer(
        _ check: Sent, _ agent: inout ICEAgent, from: SocketAddress? = nil, error: ErrorCode? = nil,
        password: String = "peerpasswordpeerpassword", now: Instant
    ) {
        let bytes = [UInt8].written { writer in
            let message = STUNMessageWriter(error == nil ? .bindingSuccess : .bindingError, check.id, into: &writer)
            if let error {
                message.writeErrorCode(error, into: &writer)
            } else {
                message.write(.xorMappedAddress, xor: local, into: &writer)
            }
            message.writeMessageIntegrity(key: .shortTerm(password: password), using: .openSSL, into: &writer)
            message.writeFingerprint(into: &writer)
        }!
        #expect(agent.handle(bytes.span, from: from ?? check.to, local: local, now: now) == .consumed)
    }

    @Test func aRequestIsAnsweredAndAskedBackInTheSameMoment() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        receive(Request(), &agent, now: now)
        let response = try #require(try poll(&agent, now: now))
        #expect(response.type == .bindingSuccess)
        #expect(response.mapped == remote)
        #expect(
            try STUNMessage(response.bytes.span).integrity(
                key: .shortTerm(password: agent.localCredentials.password), using: .openSSL) == .valid)
        let check = try #require(try poll(&agent, now: now))
        #expect(check.type == .bindingRequest && check.to == remote)
        let message = try STUNMessage(check.bytes.span)
        #expect(message.text(of: .username) == "peer:\(agent.localCredentials.usernameFragment)")
        #expect(message.uint32(of: .priority) == Candidate.priority(type: .peerReflexive, localPreference: 65_535))
        #expect(message.uint64(of: .iceControlled) != nil)
        #expect(
            message.integrity(key: .shortTerm(password: theirs.password), using: .openSSL) == .valid)
        #expect(try poll(&agent, now: now) == nil)
        // One pair, one check: the next wake is its retransmission.
        #expect(agent.nextTimeout == Wake(at: now + .milliseconds(500), reason: .iceRetransmission))
        answer(check, &agent, now: now + .milliseconds(30))
        let path = SelectedPath(
            base: local, remote: remote, localType: .host, remoteType: .peerReflexive, isNominated: false)
        #expect(agent.pollEvent() == .selectedPathChanged(path))
        #expect(agent.pollEvent() == .stateChanged(.connected))
        #expect(agent.pollEvent() == nil)
    }

    @Test func retransmissionsDoubleUntilTheEnd() throws {
        var clock = ManualClock()
        var agent = agent(at: clock.now)
        let candidate = try Candidate("candidate:1 1 udp 2130706431 198.51.100.1 5000 typ host")
        agent.addRemoteCandidate(candidate, now: clock.now)
        let start = clock.now
        var times: [Int64] = []
        var ids: Set<TransactionID> = []
        for _ in 0..<8 {
            agent.handleTimeout(now: clock.now)
            while let check = try poll(&agent, now: clock.now) {
                times.append((clock.now - start).nanoseconds / 1_000_000)
                ids.insert(check.id)
            }
            guard let wake = agent.nextTimeout else { break }
            #expect(wake.at > clock.now)
            clock.advance(to: wake.at)
        }
        #expect(times == [0, 500, 1500, 3500, 7500, 15_500, 31_500])
        #expect(ids.count == 1)
        // 31.5 s + 16 · 0.5 s: the pair fails, and with it patience is over.
        agent.handleTimeout(now: clock.now)
        #expect(clock.now - start == .milliseconds(39_500))
        #expect(agent.state == .failed)
        #expect(agent.nextTimeout == nil)
    }

    @Test func newChecksKeepThePace() throws {
        var clock = ManualClock()
        var agent = agent(at: clock.now)
        for index in 1...5 {
            agent.addRemoteCandidate(
                try Candidate("candidate:\(index) 1 udp \(index) 198.51.100.\(index) 5000 typ host"), now: clock.now)
        }
        var times: [Int64] = []
        var order: [IPAddress] = []
        let start = clock.now
        while clock.now - start < .milliseconds(400) {
            agent.handleTimeout(now: clock.now)
            while let check = try poll(&agent, now: clock.now) {
                times.append((clock.now - start).nanoseconds / 1_000_000)
                order.append(check.to.address)
            }
            clock.advance(to: try #require(agent.nextTimeout).at)
        }
        #expect(times == [0, 50, 100, 150, 200])
        #expect(order == (1...5).reversed().map { IPAddress("198.51.100.\($0)")! })
    }

    @Test func theLatestUseCandidateWins() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        for (index, address) in [remote, other].enumerated() {
            receive(Request(id: UInt64(10 + index)), from: address, &agent, now: now + .milliseconds(100 * index))
        }
        var later = now + .milliseconds(200)
        while let sent = try poll(&agent, now: later) {
            if sent.type == .bindingRequest { answer(sent, &agent, now: later) }
            later += .milliseconds(50)
        }
        receive(Request(id: 20, useCandidate: true), from: remote, &agent, now: later)
        #expect(agent.selectedPath?.remote == remote && agent.selectedPath?.isNominated == true)
        receive(Request(id: 21, useCandidate: true), from: other, &agent, now: later)
        #expect(agent.selectedPath?.remote == other)
        // The first one again, doubled by the network: not a new word.
        receive(Request(id: 20, useCandidate: true), from: remote, &agent, now: later)
        #expect(agent.selectedPath?.remote == other)
        receive(Request(id: 22, useCandidate: true), from: remote, &agent, now: later)
        #expect(agent.selectedPath?.remote == remote)
        // Without the attribute nothing moves.
        receive(Request(id: 23), from: other, &agent, now: later)
        #expect(agent.selectedPath?.remote == remote)
    }

    /// Two pairs that work, the better one chosen; then, like a check of aggressive nomination that comes late, the other.
    private func chosenBelow(after wait: Duration) throws -> (agent: ICEAgent, now: Instant) {
        var now = ManualClock().now
        var agent = agent(at: now)
        for (id, address, priority) in [(UInt64(10), remote, UInt32(1_862_270_975)), (11, other, 16_777_215)] {
            receive(Request(id: id, priority: priority), from: address, &agent, now: now)
            while let sent = try poll(&agent, now: now) {
                if sent.type == .bindingRequest { answer(sent, &agent, now: now) }
            }
            now += .milliseconds(60)
        }
        receive(Request(id: 20, useCandidate: true), from: remote, &agent, now: now)
        #expect(agent.selectedPath?.remote == remote)
        while try poll(&agent, now: now) != nil {}
        now += wait
        receive(Request(id: 21, useCandidate: true, priority: 16_777_215), from: other, &agent, now: now)
        return (agent, now)
    }

    @Test("A late check of aggressive nomination does not move the path below the best pair (RFC 5245 section 8.1.1.2)")
    func aLateAggressiveCheck() throws {
        var (agent, now) = try chosenBelow(after: .milliseconds(100))
        #expect(agent.selectedPath?.remote == remote)
        var questions: [SocketAddress] = []
        while let sent = try poll(&agent, now: now) {
            guard sent.type == .bindingRequest else { continue }
            questions.append(sent.to)
            answer(sent, &agent, now: now + .milliseconds(20))
        }
        #expect(questions == [remote])
        for _ in 0..<50 {
            now += .milliseconds(100)
            agent.handleTimeout(now: now)
            while let sent = try poll(&agent, now: now) {
                if sent.type == .bindingRequest { answer(sent, &agent, now: now) }
            }
        }
        #expect(agent.selectedPath?.remote == remote)
        // Now it is what the peer uses.
        agent.countReceived(100, from: other, local: local, now: now)
        #expect(agent.selectedPath?.remote == other && agent.selectedPath?.isNominated == true)
        // What is still under way from before moves nothing.
        agent.countReceived(100, from: remote, local: local, now: now)
        #expect(agent.selectedPath?.remote == other)
    }

    @Test func aChoiceBelowAPairThatAnswersNoMoreIsFollowed() throws {
        var (agent, now) = try chosenBelow(after: .milliseconds(100))
        while try poll(&agent, now: now) != nil {}
        now += .milliseconds(490)
        agent.handleTimeout(now: now)
        #expect(agent.selectedPath?.remote == remote)
        #expect(agent.nextTimeout.map { $0.at <= now + .milliseconds(10) } == true)
        now += .milliseconds(10)
        agent.handleTimeout(now: now)
        #expect(agent.selectedPath?.remote == other)
    }

    @Test func aChoiceBelowIsFollowedAtOnceOnceChecksAreOver() throws {
        let (agent, _) = try chosenBelow(after: .seconds(2))
        #expect(agent.selectedPath?.remote == other)
    }

    /// Choosing one pair and then the other every second for `duration`, the first `answered` of it with answers to checks.
    private func choosing(for duration: Int, answered: Int) throws -> (expiredAfter: Int?, chosen: Set<SocketAddress>) {
        let began = ManualClock().now
        var agent = agent(at: began)
        var chosen: Set<SocketAddress> = []
        for step in 0..<duration * 20 {
            let now = began + .milliseconds(50 * step)
            agent.handleTimeout(now: now)
            if step % 20 < 2 {
                let address = (step / 20 + step).isMultiple(of: 2) ? remote : other
                receive(Request(id: UInt64(100 + step), useCandidate: step % 20 == 1), from: address, &agent, now: now)
            }
            while let sent = try poll(&agent, now: now) {
                if sent.type == .bindingRequest, step < answered * 20 { answer(sent, &agent, now: now) }
            }
            if let remote = agent.selectedPath?.remote { chosen.insert(remote) }
            while let event = agent.pollEvent() { if event == .consentExpired { return (step / 20, chosen) } }
        }
        return (nil, chosen)
    }

    @Test("A peer that answers no more gets no time by choosing one pair after the other (RFC 7675 section 5.1)")
    func consentIsNotRenewedByNomination() throws {
        let silent = try choosing(for: 120, answered: 10)
        #expect(silent.chosen == [remote, other])
        let expired = try #require(silent.expiredAfter)
        #expect((38...40).contains(expired), "after \(expired) s")
        let answering = try choosing(for: 120, answered: 120)
        #expect(answering.expiredAfter == nil && answering.chosen == [remote, other])
    }

    @Test func useCandidateBeforeOurOwnCheckWaitsForItsAnswer() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        receive(Request(useCandidate: true), &agent, now: now)
        #expect(agent.selectedPath == nil)
        _ = try poll(&agent, now: now)
        let check = try #require(try poll(&agent, now: now))
        answer(check, &agent, now: now)
        #expect(agent.selectedPath?.isNominated == true)
        #expect(agent.state == .completed)
    }

    @Test func roleConflicts() throws {
        let now = ManualClock().now
        // We are controlled; a controlled peer with the larger tie-breaker makes us... keep or switch by number.
        var agent = agent(at: now)
        receive(Request(role: (.iceControlled, .max)), &agent, now: now)
        #expect(agent.role == .controlled)
        #expect(try poll(&agent, now: now)?.error == .roleConflict)
        receive(Request(id: 2, role: (.iceControlled, 0)), &agent, now: now)
        #expect(agent.role == .controlling)
        #expect(try poll(&agent, now: now)?.type == .bindingSuccess)

        var controlling = self.agent(role: .controlling, at: now)
        receive(Request(role: (.iceControlling, 0)), &controlling, now: now)
        #expect(controlling.role == .controlling)
        #expect(try poll(&controlling, now: now)?.error == .roleConflict)
        receive(Request(id: 2, role: (.iceControlling, .max)), &controlling, now: now)
        #expect(controlling.role == .controlled)
    }

    @Test func a487SwitchesTheRoleAndAsksAgain() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        receive(Request(), &agent, now: now)
        _ = try poll(&agent, now: now)
        let check = try #require(try poll(&agent, now: now))
        answer(check, &agent, error: .roleConflict, now: now)
        #expect(agent.role == .controlling)
        let again = try #require(try poll(&agent, now: now + .milliseconds(50)))
        #expect(again.id != check.id)
        #expect(try STUNMessage(again.bytes.span).uint64(of: .iceControlling) != nil)
    }

    @Test func requestsThatAreWrong() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        func expect(_ request: Request, _ drop: ICEDrop, _ error: ErrorCode) throws {
            let before = agent.drops[drop]
            receive(request, &agent, now: now)
            #expect(agent.drops[drop] == before + 1)
            #expect(try poll(&agent, now: now)?.error == error)
        }
        try expect(Request(username: "nobody:peer"), .usernameUnknown, .unauthenticated)
        try expect(Request(username: ""), .usernameUnknown, .unauthenticated)
        try expect(Request(password: "not the password at all"), .integrityInvalid, .unauthenticated)
        try expect(Request(signs: false), .integrityMissing, .badRequest)
        try expect(Request(priority: nil), .priorityMissing, .badRequest)
        try expect(Request(unknown: true), .unknownAttribute, .unknownAttribute)
        #expect(try poll(&agent, now: now) == nil)
        #expect(agent.selectedPath == nil)
    }

    @Test func strangersWithoutFingerprintGetNoAnswer() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        for request in [
            Request(username: "nobody:peer", hasFingerprint: false), Request(username: "", hasFingerprint: false),
            Request(password: "not the password at all", hasFingerprint: false),
            Request(signs: false, hasFingerprint: false),
        ] {
            receive(request, &agent, now: now)
            #expect(try poll(&agent, now: now) == nil)
        }
        #expect(agent.drops[.fingerprintMissing] == 4)
        // Who knows the password is no stranger.
        receive(Request(hasFingerprint: false), &agent, now: now)
        #expect(try poll(&agent, now: now)?.type == .bindingSuccess)
    }

    @Test func responsesThatAreWrong() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        receive(Request(), &agent, now: now)
        _ = try poll(&agent, now: now)
        let check = try #require(try poll(&agent, now: now))
        answer(check, &agent, password: "forged password, forged", now: now)
        #expect(agent.drops[.responseIntegrityInvalid] == 1)
        #expect(agent.selectedPath == nil)
        // From elsewhere: the pair fails, and it does not become valid by it.
        answer(check, &agent, from: other, now: now)
        #expect(agent.drops[.responseAsymmetric] == 1)
        answer(check, &agent, now: now)
        #expect(agent.drops[.transactionUnknown] == 1)
        #expect(agent.selectedPath == nil)
    }

    @Test func floodsAreBounded() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        for index in 0..<2000 {
            let from = SocketAddress(address: .v4(0xC633_6400 + UInt32(index)), port: 4000)
            receive(Request(id: UInt64(index)), from: from, &agent, now: now)
            agent.addRemoteCandidate(
                try Candidate("candidate:\(index) 1 udp 5 203.0.113.1 \(1000 + index) typ host"), now: now)
            agent.addRemoteCandidate(
                try Candidate("candidate:\(index) 1 udp 5 x\(index).local 1000 typ host"), now: now)
        }
        #expect(agent.drops[.responseQueueFull] == 2000 - 64)
        #expect(agent.drops[.candidateOverLimit] > 3000)
        var sent = 0
        while try poll(&agent, now: now) != nil { sent += 1 }
        #expect(sent == 65)
    }

    @Test func candidatesThatCannotBeUsed() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        func expect(_ text: String, _ drop: ICEDrop) throws {
            let before = agent.drops[drop]
            agent.addRemoteCandidate(try Candidate(text), now: now)
            #expect(agent.drops[drop] == before + 1, "\(text)")
        }
        try expect("candidate:1 1 tcp 1 198.51.100.1 9 typ host tcptype active", .candidateUnsupported)
        try expect("candidate:1 2 udp 1 198.51.100.1 9 typ host", .candidateUnsupported)
        try expect("candidate:1 1 udp 1 example.org 9 typ host", .candidateUnsupported)
        try expect("candidate:1 1 udp 1 198.51.100.1 0 typ host", .candidateUnusable)
        try expect("candidate:1 1 udp 1 0.0.0.0 9 typ host", .candidateUnusable)
        try expect("candidate:1 1 udp 1 224.0.0.251 5353 typ host", .candidateUnusable)
        try expect("candidate:1 1 udp 1 198.51.100.1 9 typ host ufrag abcd", .candidateForOtherGeneration)
        agent.addRemoteCandidate(try Candidate("candidate:1 1 udp 1 198.51.100.1 9 typ host ufrag peer"), now: now)
        try expect("candidate:1 1 udp 1 198.51.100.1 9 typ srflx", .candidateDuplicate)
        // Not reachable from our base: kept without a pair.
        agent.addRemoteCandidate(try Candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host"), now: now)
        agent.addRemoteCandidate(try Candidate("candidate:1 1 udp 1 fe80::1 9 typ host"), now: now)
        #expect(try poll(&agent, now: now)?.to == SocketAddress("198.51.100.1:9"))
        #expect(try poll(&agent, now: now + .seconds(0)) == nil)
    }

    @Test func towardsALitePeerWeControl() throws {
        let now = ManualClock().now
        var agent = ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(5))
        agent.addLocalAddress(local, now: now)
        agent.setRemoteCredentials(theirs, isLite: true, now: now)
        #expect(agent.role == .controlling)
        agent.addRemoteCandidate(try Candidate("candidate:1 1 udp 9 198.51.100.1 5000 typ host"), now: now)
        let check = try #require(try poll(&agent, now: now))
        #expect(!check.usesCandidate)
        answer(check, &agent, now: now)
        let nomination = try #require(try poll(&agent, now: now + .milliseconds(50)))
        #expect(nomination.usesCandidate)
        answer(nomination, &agent, now: now + .milliseconds(60))
        #expect(agent.selectedPath?.isNominated == true)
    }

    @Test func notForUs() throws {
        let now = ManualClock().now
        var agent = agent(at: now)
        let request = bytes(Request(), to: agent)
        _ = agent.handle(request.span, from: remote, local: other, now: now)
        #expect(agent.drops[.unknownLocalAddress] == 1)
        let allocate = [UInt8].written {
            _ = STUNMessageWriter(MessageType(.allocate, .request), TransactionID(high: 1, low: 1), into: &$0)
        }!
        _ = agent.handle(allocate.span, from: remote, local: local, now: now)
        #expect(agent.drops[.unknownMethod] == 1)
        _ = agent.handle([0, 1, 2].span, from: remote, local: local, now: now)
        #expect(agent.drops[.malformed] == 1)
        #expect(try poll(&agent, now: now) == nil)
    }

    /// Both pairs have one foundation, and the first is never answered: until it has failed, all patience would be over.
    @Test func aFrozenPairDoesNotWaitForALostCause() throws {
        var clock = ManualClock()
        var agent = agent(at: clock.now)
        for port in [5000, 5001] {
            let candidate = try Candidate("candidate:1 1 udp \(9000 - port) 198.51.100.1 \(port) typ host")
            agent.addRemoteCandidate(candidate, now: clock.now)
        }
        #expect(try poll(&agent, now: clock.now)?.to == remote)
        #expect(try poll(&agent, now: clock.now) == nil)
        clock.advance(to: clock.now + .milliseconds(50))
        let check = try #require(try poll(&agent, now: clock.now))
        #expect(check.to == other)
        answer(check, &agent, now: clock.now)
        #expect(agent.selectedPath?.remote == other)
    }
}
