import Primitives
import Testing

@testable import ICE

/// What `Path` decides, call by call.
@Suite struct PathTranscriptTests {
    private let configuration = ICEConfiguration()
    private let start = Instant.zero + .seconds(100)
    private let base = SocketAddress("192.0.2.1:6000")!

    /// Two pairs that were answered: the first is the better one.
    private func list(answeredAt: [Instant?]) -> CheckList {
        var list = CheckList()
        for (index, answeredAt) in answeredAt.enumerated() {
            let local = LocalEndpoint(
                base: base, type: .host, localPreference: .max, foundation: "l", relatedAddress: nil)
            let remote = RemoteEndpoint(
                address: address(index + 1), type: .host, priority: UInt32(100 - index), foundation: "\(index)",
                knownSince: start)
            #expect(
                list.insert(CandidatePair(id: index + 1, local: local, remote: remote, role: .controlled), limit: 9)
                    == true)
            guard let answeredAt else { continue }
            list.update(index + 1) {
                $0.state = .succeeded
                $0.isValid = true
                $0.statistics.lastResponseAt = answeredAt
            }
        }
        return list
    }

    private func address(_ id: Int) -> SocketAddress { SocketAddress("198.51.100.1:500\(id)")! }

    /// A path that takes a pair of the list.
    private func path(taking id: Int, nominated: Bool, of list: CheckList) throws -> Path {
        var path = Path(configuration: configuration)
        var random = RandomSource.seeded(1)
        let pair = try #require(list[id: id])
        #expect(path.take(pair, nominated: nominated, random: &random, now: start))
        return path
    }

    @Test func theBestPairThatWorksCarriesDataUntilThePeerHasDecided() throws {
        var path = Path(configuration: configuration)
        var random = RandomSource.seeded(1)
        #expect(path.best(in: list(answeredAt: [nil, nil]), now: start) == nil)
        #expect(path.best(in: list(answeredAt: [nil, start]), now: start) == 2)
        let both = list(answeredAt: [start, start])
        #expect(path.best(in: both, now: start) == 1)
        let (better, worse) = (try #require(both[id: 1]), try #require(both[id: 2]))
        #expect(path.take(worse, nominated: false, random: &random, now: start))
        #expect(path.standing == PathStanding(selected: 2, isNominated: false, isQuiet: false))
        #expect(path.best(in: both, now: start) == 1)
        #expect(path.take(better, nominated: false, random: &random, now: start))
        #expect(!path.take(better, nominated: true, random: &random, now: start))
        #expect(path.standing == PathStanding(selected: 1, isNominated: true, isQuiet: false))
        #expect(path.best(in: both, now: start) == nil)
    }

    @Test func aBetterChoiceIsFollowedAtOnceAndAWorseOnePutsThePairToTheQuestion() throws {
        let both = list(answeredAt: [start, start])
        var lower = try path(taking: 2, nominated: true, of: both)
        #expect(lower.choose(1, in: both, now: start) == .take(1))
        var higher = try path(taking: 1, nominated: true, of: both)
        #expect(higher.choose(2, in: both, now: start) == .ask(1))
        #expect(higher.choose(2, in: both, now: start) == nil)
        #expect(
            higher.nextTimeout(hasRemote: true, isExhausted: false)
                == Wake(at: start + configuration.minimumRTO, reason: .iceCheck))
    }

    @Test func aPairThatDoesNotAnswerGivesWayToTheOtherChoice() throws {
        let both = list(answeredAt: [start, start])
        let due = start + .milliseconds(700)
        var silent = try path(taking: 1, nominated: true, of: both)
        #expect(silent.choose(2, in: both, now: start + .milliseconds(200)) == .ask(1))
        #expect(silent.settleDoubt(role: .controlled, in: both, now: due - .milliseconds(1)) == nil)
        #expect(silent.settleDoubt(role: .controlled, in: both, now: due) == 2)
        #expect(silent.settleDoubt(role: .controlled, in: both, now: due) == nil)

        var answering = try path(taking: 1, nominated: true, of: both)
        #expect(answering.choose(2, in: both, now: start + .milliseconds(200)) == .ask(1))
        let answered = list(answeredAt: [start + .milliseconds(300), start])
        #expect(answering.settleDoubt(role: .controlled, in: answered, now: due) == nil)
        // Then only what the peer really uses moves it.
        #expect(
            answering.follow(dataFrom: address(1), local: base, role: .controlled, in: answered, now: due) == nil)
        #expect(
            answering.follow(dataFrom: address(2), local: base, role: .controlling, in: answered, now: due) == nil)
        #expect(
            answering.follow(dataFrom: address(2), local: base, role: .controlled, in: answered, now: due) == 2)
    }

    @Test func aChoiceThatWasAnsweredLongAgoIsAskedFirst() throws {
        let now = start + .seconds(20)
        let both = list(answeredAt: [now, start])
        var path = try path(taking: 1, nominated: true, of: both)
        #expect(path.choose(2, in: both, now: now) == .ask(2))
        #expect(path.answered(1, nominates: false, role: .controlled, in: both, now: now) == false)
        #expect(path.answered(2, nominates: false, role: .controlled, in: both, now: now) == true)
    }

    @Test func onlyTheControllingSidesOwnWordCounts() throws {
        let both = list(answeredAt: [start, start])
        var path = try path(taking: 1, nominated: false, of: both)
        #expect(path.answered(2, nominates: false, role: .controlling, in: both, now: start) == false)
        #expect(path.answered(2, nominates: true, role: .controlling, in: both, now: start) == true)
        #expect(path.answered(2, nominates: true, role: .controlled, in: both, now: start) == false)
    }

    @Test func consentIsAskedForAndEnds() throws {
        var random = RandomSource.seeded(1)
        var path = try path(taking: 1, nominated: true, of: list(answeredAt: [start]))
        #expect(path.nextConsentCheck(random: &random, now: start) == nil)
        let asked = start + .seconds(6)
        #expect(path.nextConsentCheck(random: &random, now: asked) == 1)
        #expect(path.nextConsentCheck(random: &random, now: asked) == nil)
        #expect(!path.isQuiet(now: asked + .milliseconds(999)))
        #expect(path.isQuiet(now: asked + .seconds(1)))
        #expect(path.expireConsent(now: start + .milliseconds(29_999)) == nil)
        #expect(path.expireConsent(now: start + .seconds(30)) == 1)
        #expect(path.carrier == nil)
        #expect(path.stateWithoutPair(hasRemote: true, isExhausted: false, now: start + .seconds(30)) == .failed)
    }

    @Test func anAnswerRenewsConsent() throws {
        let list = list(answeredAt: [start])
        var path = try path(taking: 1, nominated: true, of: list)
        #expect(path.answered(1, nominates: false, role: .controlled, in: list, now: start + .seconds(20)) == false)
        #expect(path.expireConsent(now: start + .seconds(49)) == nil)
        #expect(path.expireConsent(now: start + .seconds(50)) == 1)
    }

    @Test func theOldPairGoesOnUntilTheNewGenerationHasANominatedOne() throws {
        var random = RandomSource.seeded(1)
        var path = try path(taking: 1, nominated: true, of: list(answeredAt: [start]))
        #expect(path.restart() == true)
        #expect(path.carrier == 1 && path.isNominated && !path.isCurrent)
        let new = list(answeredAt: [start, start])
        #expect(path.best(in: new, now: start) == nil)
        #expect(path.restart() == false, "the generation that carries data is kept, not the one without a path")
        let pair = try #require(new[id: 2])
        #expect(path.take(pair, nominated: true, random: &random, now: start))
        #expect(path.carrier == 2 && path.isCurrent)
        #expect(path.previousAnswered(1, now: start) == false)
    }

    @Test func thePeerMayMoveThePathOfBefore() throws {
        var random = RandomSource.seeded(1)
        let old = list(answeredAt: [start, start])
        var path = try path(taking: 1, nominated: true, of: old)
        #expect(path.restart() == true)
        let other = try #require(old[id: 2])
        #expect(!path.previousAsked(over: other, nominates: false, random: &random, now: start))
        #expect(path.carrier == 1)
        #expect(path.previousAsked(over: other, nominates: true, random: &random, now: start))
        #expect(path.carrier == 2)
    }

    @Test func aPathThatWentWithItsAddressEndsWithItsConsent() throws {
        var path = try path(taking: 1, nominated: true, of: list(answeredAt: [start]))
        #expect(path.lose([2, 3]) == nil)
        #expect(path.lose([1, 3]) == start + .seconds(30))
        path.awaitSuccessor(until: start + .seconds(30))
        #expect(path.expireLostConsent(now: start + .seconds(29)) == false)
        #expect(
            path.nextTimeout(hasRemote: true, isExhausted: false)
                == Wake(at: start + .seconds(30), reason: .iceConsent))
        #expect(path.expireLostConsent(now: start + .seconds(30)) == true)
        #expect(path.expireLostConsent(now: start + .seconds(31)) == false)
    }

    @Test func withoutAPairPatienceDecides() {
        var path = Path(configuration: configuration)
        let end = start + configuration.patience
        #expect(path.stateWithoutPair(hasRemote: false, isExhausted: true, now: start) == .new)
        path.beginPatience(now: start)
        #expect(path.stateWithoutPair(hasRemote: true, isExhausted: true, now: start) == .checking)
        #expect(path.enter(.checking) && !path.enter(.checking))
        #expect(path.nextTimeout(hasRemote: true, isExhausted: false) == nil)
        #expect(path.nextTimeout(hasRemote: true, isExhausted: true) == Wake(at: end, reason: .iceCheck))
        #expect(path.stateWithoutPair(hasRemote: true, isExhausted: false, now: end) == .checking)
        #expect(path.stateWithoutPair(hasRemote: true, isExhausted: true, now: end) == .failed)
        #expect(path.enter(.closed) && !path.enter(.checking))
    }

    @Test func datagramsAreCountedForTheirPair() {
        let pairs = list(answeredAt: [start, start]).pairs
        var path = Path(configuration: configuration)
        #expect(path.count(for: pairs[0]) == nil)
        path.noteSent(100, now: start)
        let first = path.count(for: pairs[1])
        #expect(first?.pair == pairs[0].id && first?.traffic.bytesSent == 100 && path.traffic.bytesSent == 0)
        #expect(path.count(for: pairs[1]) == nil)
        #expect(path.changes == 2)
    }
}
