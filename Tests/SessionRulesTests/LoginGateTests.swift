import Primitives
import Testing

@testable import SessionRules

/// Strangers who guess, in virtual time, beside somebody who knows the password. Hashing takes 40 ms.
private struct GuessingCourse {
    var gate: LoginGate<Int, Int>
    var now = Instant.zero
    private(set) var judged: [(ticket: Int, at: Instant)] = []
    private(set) var sentAway: Set<Int> = []
    private var attempts: [Int: (account: String, address: IPAddress, isRight: Bool)] = [:]
    private var isHashing: (ticket: Int, until: Instant)?
    private var ready: [Int] = []
    private var lastTicket = 0

    init(homes: [String: [IPAddress]] = [:]) { gate = LoginGate(homes: homes, random: .seeded(7)) }

    mutating func arrive(_ account: String, _ address: IPAddress, isRight: Bool = false) -> Int {
        lastTicket += 1
        attempts[lastTicket] = (account, address, isRight)
        switch gate.arrived(lastTicket, lastTicket, account: account, address: address, now: now) {
        case .mustWait: sentAway.insert(lastTicket)
        case .queued(let victim): if let victim { sentAway.insert(victim) }
        }
        return lastTicket
    }

    mutating func advance(_ duration: Duration) {
        let end = now + duration
        while now < end {
            now += .milliseconds(10)
            for ticket in gate.handleTimeout(now: now) { sentAway.insert(ticket) }
            while let ticket = gate.next(now: now) { ready.append(ticket) }
            if let hashing = isHashing, hashing.until <= now {
                let attempt = attempts[hashing.ticket]!
                gate.finished(account: attempt.account, address: attempt.address, isRight: attempt.isRight, now: now)
                judged.append((hashing.ticket, now))
                isHashing = nil
            }
            if isHashing == nil, !ready.isEmpty { isHashing = (ready.removeFirst(), now + .milliseconds(40)) }
        }
    }

    func wasJudged(_ ticket: Int) -> Bool { judged.contains { $0.ticket == ticket } }
}

@Suite struct LoginGateTests {
    private let home = IPAddress("192.0.2.1")!

    private func guesser(_ index: Int) -> IPAddress { .v4(0xC633_6400 + UInt32(index)) }

    /// Each log-in leaves an entry in the audit and a family of tokens.
    @Test func whoKnowsThePasswordFillsNoRecords() {
        var course = GuessingCourse(homes: ["K1": [home]])
        var tickets: [Int] = []
        for _ in 0..<600 {
            tickets.append(course.arrive("K1", home, isRight: true))
            course.advance(.milliseconds(100))
        }
        let judged = tickets.count { course.wasJudged($0) }
        #expect(judged >= 60 && judged <= 60 + 30, "\(judged) in a minute")
        // Of others it is none of the concern, and it passes.
        let other = course.arrive("K2", home, isRight: true)
        course.advance(.seconds(3))
        let later = course.arrive("K1", home, isRight: true)
        course.advance(.seconds(1))
        #expect(course.wasJudged(other) && course.wasJudged(later))
    }

    @Test func theOwnerGetsInFromHomeWhileStrangersGuess() {
        var course = GuessingCourse(homes: ["K1": [home]])
        for round in 0..<20 {
            // Two hundred a second, at this account and at others.
            for index in 0..<200 { _ = course.arrive(index % 2 == 0 ? "K1" : "X\(index)", guesser(index % 150)) }
            let owner = course.arrive("K1", home, isRight: true)
            course.advance(.seconds(1))
            #expect(course.wasJudged(owner), "round \(round)")
        }
    }

    /// A client tries again two seconds after it was sent away.
    private func secondsUntilIn(_ course: inout GuessingCourse, from address: IPAddress, guessers: Int) -> Int? {
        var owner: Int?
        for second in 0..<120 {
            for index in 0..<60 { _ = course.arrive("K1", guesser((second * 60 + index) % guessers)) }
            if owner.map({ course.sentAway.contains($0) }) ?? true {
                owner = course.arrive("K1", address, isRight: true)
            }
            course.advance(.seconds(1))
            if let owner, course.wasJudged(owner) { return second }
        }
        return nil
    }

    @Test(arguments: [1, 8, 30]) func theOwnerGetsInFromElsewhereWithinAMinute(guessers: Int) throws {
        var course = GuessingCourse(homes: ["K1": [home]])
        // It has been going on for a while.
        for second in 0..<60 {
            for index in 0..<60 { _ = course.arrive("K1", guesser((second * 60 + index) % guessers)) }
            course.advance(.seconds(1))
        }
        let seconds = try #require(
            secondsUntilIn(&course, from: IPAddress("203.0.113.9")!, guessers: guessers), "never")
        #expect(seconds < 60)
    }

    @Test func guessesAtOneAccountAreFewFromHoweverManyNetworks() {
        var course = GuessingCourse()
        for second in 0..<60 {
            for index in 0..<100 { _ = course.arrive("K1", .v4(0x0A00_0000 + UInt32(second * 100 + index))) }
            course.advance(.seconds(1))
        }
        #expect(course.judged.count <= 20 + 31)
    }

    @Test func aNetworkHasOneChanceHoweverManyAskInIt() {
        var course = GuessingCourse()
        // Of one /48, each of another /64 and at another account.
        for index in 0..<200 {
            _ = course.arrive("X\(index)", .v6(high: 0x2001_0DB8_0001_0000 + UInt64(index), low: 1))
        }
        var honest: [Int] = []
        for index in 0..<5 {
            honest.append(course.arrive("M\(index)", IPAddress("203.0.113.\(index)")!, isRight: true))
        }
        course.advance(.seconds(1))
        #expect(honest.allSatisfy { course.wasJudged($0) })
    }

    @Test func honestLogInsBesideAFloodOfGuessesGetIn() {
        var course = GuessingCourse()
        var honest: [Int] = []
        for second in 0..<20 {
            for index in 0..<200 { _ = course.arrive("X\(second * 200 + index)", guesser(index % 40)) }
            honest.append(course.arrive("M\(second)", IPAddress("203.0.113.\(second)")!, isRight: true))
            course.advance(.seconds(1))
        }
        course.advance(.seconds(10))
        let share = Double(honest.count { course.wasJudged($0) }) / Double(honest.count)
        #expect(share > 0.8)
    }

    @Test func whoIsGoneOrHasWaitedForTooLongTakesNoTurn() {
        var gate = LoginGate<Int, Int>(random: .seeded(1))
        for ticket in 0..<10 { _ = gate.arrived(ticket, ticket, account: "K\(ticket)", address: home, now: .zero) }
        for ticket in 0..<5 { gate.aborted(ticket) }
        #expect(gate.nextTimeout(now: .zero) != nil)
        let late = Instant.zero + .seconds(10)
        #expect(gate.handleTimeout(now: late).sorted() == [5, 6, 7, 8, 9])
        #expect(gate.next(now: late) == nil && gate.nextTimeout(now: late) == nil)
        // Nothing of it counts as a failure.
        for ticket in 10..<14 { _ = gate.arrived(ticket, ticket, account: "K1", address: home, now: late) }
        #expect(gate.next(now: late) != nil)
    }

    @Test func aFullLaneMakesRoomInItsLargestNetwork() {
        var queue = LoginQueue<Int>(random: .seeded(1))
        for ticket in 0..<LoginQueue<Int>.limit {
            #expect(queue.add(ticket, account: "X", address: home, lane: .elsewhere, now: .zero) == nil)
        }
        let victim = queue.add(1000, account: "M", address: guesser(1), lane: .elsewhere, now: .zero)
        #expect(victim != nil && victim != 1000)
        #expect(queue.count == LoginQueue<Int>.limit)
    }
}

@Suite struct RefusedLoginsTests {
    private func refusal(_ name: String, _ organization: String = "") -> RefusedLogins.Refusal {
        .init(organization: organization, name: name, address: IPAddress("192.0.2.1")!, code: "invalid-credentials")
    }

    @Test func aDayOfGuessesIsFewLines() {
        var refused = RefusedLogins()
        var lines = 0
        for minute in 0..<10 {
            let now = after(.seconds(61 * minute))
            lines += refused.handleTimeout(now: now).count
            for index in 0..<2600 where refused.refused(refusal("X\(index)"), now: now) != nil { lines += 1 }
        }
        lines += refused.finish(at: start.wall).count
        #expect(lines == 10 * (RefusedLogins.linesPerMinute + 1))
    }

    @Test func theFirstIsToldAtOnceAndTheRestWithItsNumber() {
        var refused = RefusedLogins()
        #expect(refused.refused(refusal("K1", "west"), now: start)?.principal == "K1")
        for _ in 0..<41 { #expect(refused.refused(refusal("K1", "west"), now: start) == nil) }
        #expect(refused.handleTimeout(now: after(.seconds(59))).isEmpty)
        let sum = refused.handleTimeout(now: after(.seconds(60)))
        #expect(sum.map(\.principal) == ["K1"] && sum[0].organization == "west")
        #expect(sum[0].details.contains("\"count\":41"))
        #expect(refused.nextTimeout == nil)
    }

    @Test func madeUpNamesDoNotPushOutThoseThatExist() {
        var refused = RefusedLogins()
        for index in 0..<1000 { _ = refused.refused(refusal("X\(index)"), now: start) }
        #expect(refused.refused(refusal("K1", "west"), now: start)?.principal == "K1")
        let others = refused.finish(at: start.wall)
        #expect(others.count == 1 && others[0].principal.isEmpty)
        #expect(others[0].details.contains("\"count\":990"))
    }
}
