import Primitives
import Signaling
import Testing

@testable import SessionRules

/// Log-ins from their arrival to their answer, a line for each thing that is to be done.
@Suite struct LogInMachineTests {
    private typealias Machine = LogInMachine<Int, String>

    private var machine = Machine(homes: ["K1": [IPAddress("192.0.2.1")!]], random: .seeded(3))
    private let home = IPAddress("192.0.2.1")!
    private let away = IPAddress("198.51.100.7")!

    private static func line(_ action: Machine.Action) -> String {
        switch action {
        case .read(let name, let ticket): "\(ticket) read \(name)"
        case .check(let password, let found, let ticket):
            "\(ticket) check \(password.unredacted) against \(found ?? "-")"
        case .judge(let checked, let ticket):
            "\(ticket) judge \(checked.name) \(checked.checkedAgainst ?? "-") \(checked.isRight)"
        case .answer(.succeeded(let account), let ticket): "\(ticket) ← \(account.id)"
        case .answer(.comeBack(let wait), let ticket): "\(ticket) ← come back in \(wait.components.seconds) s"
        case .answer(let answer, let ticket): "\(ticket) ← \(answer)"
        case .record(let entry): "audit \(entry.kind.rawValue) \(entry.principal) \(entry.details)"
        case .noteRefusal(let name, let address, let code): "note \(name) \(address) \(code.rawValue)"
        }
    }

    private mutating func lines(at moment: Moment = start) -> [String] {
        machine.handleTimeout(now: moment)
        return machine.takeActions().map(Self.line)
    }

    private mutating func arrive(
        _ ticket: Int, _ name: String = "K1", from address: IPAddress? = nil, at moment: Moment = start
    ) {
        machine.arrived(ticket, name: name, password: Redacted("secret"), from: address ?? home, now: moment.instant)
    }

    @Test mutating func whoKnowsThePasswordIsLetIn() {
        arrive(1)
        #expect(lines() == ["1 read K1"])
        machine.credentialsRead("hash", 1)
        #expect(lines() == ["1 check secret against hash"])
        machine.passwordChecked(isRight: true, 1)
        #expect(lines() == ["1 judge K1 hash true"])
        machine.judged(.succeeded(account("K1")), 1, now: start)
        #expect(lines() == ["1 ← K1"])
        #expect(machine.counts == Machine.Counts(succeeded: 1))
        #expect(machine.nextTimeout(now: start.instant) == nil)
    }

    @Test mutating func aNameThatNobodyHasIsCheckedAndJudgedLikeAWrongPassword() {
        arrive(1, "nobody")
        #expect(lines() == ["1 read nobody"])
        machine.credentialsRead(nil, 1)
        #expect(lines() == ["1 check secret against -"])
        machine.passwordChecked(isRight: false, 1)
        #expect(lines() == ["1 judge nobody - false"])
        machine.judged(.refused(organization: ""), 1, now: start)
        #expect(
            lines() == [
                "audit login-refused nobody {\"address\":\"192.0.2.1\",\"code\":\"invalid-credentials\"}",
                "note nobody 192.0.2.1 invalid-credentials", "1 ← refused",
            ])
        #expect(machine.counts == Machine.Counts(refused: 1))
    }

    @Test mutating func whatFollowsInTheSameMinuteIsOneLine() {
        for ticket in 1...3 {
            arrive(ticket)
            _ = lines()
            machine.credentialsRead("hash", ticket)
            machine.passwordChecked(isRight: false, ticket)
            machine.judged(.refused(organization: "west"), ticket, now: start)
            #expect(lines().count { $0.hasPrefix("audit") } == (ticket == 1 ? 1 : 0))
        }
        #expect(
            lines(at: after(.seconds(61))) == [
                "audit login-refused K1 {\"address\":\"192.0.2.1\",\"code\":\"invalid-credentials\",\"count\":2}"
            ])
    }

    @Test mutating func aDisabledAccountIsToldSoByWhatTheRecordsSayInTheEnd() {
        arrive(1)
        _ = lines()
        machine.credentialsRead("hash", 1)
        machine.passwordChecked(isRight: true, 1)
        machine.judged(.disabled(organization: "west"), 1, now: start)
        #expect(lines().last == "1 ← disabled")
    }

    @Test(arguments: [false, true]) mutating func recordsThatFailAreNobodysGuess(whileJudging: Bool) {
        for ticket in 1...20 {
            arrive(ticket)
            _ = lines()
            if whileJudging {
                machine.credentialsRead("hash", ticket)
                machine.passwordChecked(isRight: true, ticket)
                _ = lines()
            }
            machine.recordsFailed(ticket, now: start.instant)
            #expect(lines() == ["\(ticket) ← failed"], "no throttle")
        }
    }

    @Test mutating func fourAreJudgedAtOnceAndTheNextWhenOneIsDone() {
        for ticket in 1...6 { arrive(ticket, "K\(ticket)", from: IPAddress("203.0.113.\(ticket)")!) }
        let begun = lines()
        #expect(begun.count == 4 && begun.allSatisfy { $0.contains("read") })
        let first = Int(begun[0].prefix { $0 != " " })!
        machine.recordsFailed(first, now: start.instant)
        #expect(lines().count == 2, "its answer, and the next one's turn")
    }

    @Test mutating func whoGuessesIsToldToComeBack() {
        for ticket in 1...5 {
            arrive(ticket, from: away)
            _ = lines()
            machine.credentialsRead("hash", ticket)
            machine.passwordChecked(isRight: false, ticket)
            machine.judged(.refused(organization: "west"), ticket, now: start)
            _ = lines()
        }
        arrive(6, from: away)
        #expect(lines() == ["6 ← come back in 1 s"])
        arrive(7)
        #expect(lines() == ["7 read K1"], "at home the owner is not kept out")
        #expect(machine.counts.throttled == 1)
    }

    @Test mutating func whoHasWaitedTooLongIsToldToComeBackAndWhoIsGoneIsNot() {
        for ticket in 1...6 { arrive(ticket, "K\(ticket)", from: IPAddress("203.0.113.\(ticket)")!) }
        let begun = Set(lines().compactMap { Int($0.prefix { $0 != " " }) })
        let waiting = Set(1...6).subtracting(begun).sorted()
        machine.aborted(waiting[0])
        #expect(lines(at: after(.seconds(11))) == ["\(waiting[1]) ← come back in 2 s"])
    }

    @Test mutating func anAnswerThatNobodyWaitsForDoesNothing() {
        machine.credentialsRead("hash", 9)
        machine.passwordChecked(isRight: true, 9)
        machine.judged(.succeeded(account("K1")), 9, now: start)
        machine.recordsFailed(9, now: start.instant)
        arrive(1)
        _ = lines()
        machine.passwordChecked(isRight: true, 1)
        #expect(lines().isEmpty)
        #expect(machine.counts == Machine.Counts(unexpected: 5))
    }

    /// One whose client is gone while it is judged goes on.
    @Test mutating func whatIsUnderWayForAClientThatIsGoneGoesOn() {
        arrive(1)
        _ = lines()
        machine.aborted(1)
        machine.credentialsRead("hash", 1)
        #expect(lines() == ["1 check secret against hash"])
    }
}
