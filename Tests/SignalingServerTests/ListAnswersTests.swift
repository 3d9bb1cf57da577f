import HTTP
import HTTPTransport
import Primitives
import Testing

@testable import Records
@testable import SignalingServer

@Suite struct ListAnswersTests {
    private var answers = ListAnswers()
    private let reader = ListReader(.accounts, organization: "west")

    private func id(_ number: UInt64) -> RequestID { RequestID(rawValue: number) }

    private mutating func ask(_ number: UInt64, by account: String = "a", _ source: ListReader.Source = .accounts) {
        answers.asked(id(number), by: account, ListReader(source, organization: "west"))
    }

    private mutating func piece(_ number: UInt64, _ text: String, isLast: Bool = false) {
        answers.pieceRead(id(number), reader, ListReader.Piece(bytes: Array(text.utf8), isLast: isLast))
    }

    private mutating func actions() -> [String] {
        answers.takeActions().map { action in
            switch action {
            case .read(_, let id): "read \(id.rawValue)"
            case .respond(let id, let response):
                "respond \(id.rawValue) \(response.status) \(String(decoding: response.body, as: UTF8.self))"
            case .begin(let id, let response): "begin \(id.rawValue) \(response.status)"
            case .send(let piece, let id): "send \(id.rawValue) \(String(decoding: piece, as: UTF8.self))"
            case .end(let id): "end \(id.rawValue)"
            case .abandon(let id): "abandon \(id.rawValue)"
            case .fail(let id, let failure): "fail \(id.rawValue) \(failure.status)"
            }
        }
    }

    @Test mutating func aShortListIsOneAnswer() {
        ask(1)
        #expect(actions() == ["read 1"])
        piece(1, "all", isLast: true)
        #expect(actions() == ["respond 1 200 all"])
        answers.aborted(id(1))
        #expect(actions() == [] && answers.unexpected == 0)
    }

    @Test mutating func aLongListIsReadAsItIsTaken() {
        ask(1)
        piece(1, "first")
        #expect(actions() == ["read 1", "begin 1 200"])
        answers.began(id(1), wantsBody: true)
        #expect(actions() == ["send 1 first"])
        answers.pieceWanted(id(1))
        #expect(actions() == ["read 1"])
        piece(1, "second")
        #expect(actions() == ["send 1 second"])
        answers.pieceWanted(id(1))
        piece(1, "third", isLast: true)
        #expect(actions() == ["read 1", "send 1 third", "end 1"])
        #expect(answers.unexpected == 0)
    }

    /// HEAD, or a client that has gone meanwhile: nothing more is read.
    @Test mutating func whereNobodyWantsABodyItEndsWithTheHead() {
        ask(1)
        piece(1, "first")
        answers.began(id(1), wantsBody: false)
        #expect(actions() == ["read 1", "begin 1 200"])
        answers.pieceWanted(id(1))
        #expect(actions() == [] && answers.unexpected == 1)
    }

    @Test mutating func anExportSaysWhereTheNextBegins() {
        let export = ListReader(.crewEventsAsCSV(CrewFilter()), organization: "west")
        answers.asked(id(1), by: "a", export)
        _ = answers.takeActions()
        answers.pieceRead(id(1), export, ListReader.Piece(bytes: [], nextCursor: 7, isLast: true))
        guard case .respond(_, let response)? = answers.takeActions().first else { preconditionFailure("no answer") }
        #expect(response.headers["x-next-cursor"] == "7")
        #expect(response.headers["content-disposition"] == "attachment; filename=\"crew-events.csv\"")
        #expect(response.headers["content-type"] == "text/csv; charset=utf-8")
    }

    /// What of an answer has left cannot be taken back.
    @Test mutating func recordsThatFailEndTheAnswerAsFarAsItIs() {
        ask(1)
        answers.failed(id(1))
        #expect(actions() == ["read 1", "fail 1 500"])
        ask(2)
        piece(2, "first")
        answers.began(id(2), wantsBody: true)
        answers.pieceWanted(id(2))
        answers.failed(id(2))
        #expect(actions() == ["read 2", "begin 2 200", "send 2 first", "read 2", "abandon 2"])
    }

    /// A page that is being read keeps its place, so that clients that come and go do not have more read for them.
    @Test mutating func aClientThatHasGoneKeepsItsPlaceUntilItsPageIsRead() {
        for number in 1...4 as ClosedRange<UInt64> { ask(number) }
        ask(5)
        ask(6, by: "b")
        #expect(actions() == ["read 1", "read 2", "read 3", "read 4", "read 6"])
        answers.aborted(id(1))
        answers.aborted(id(1))
        #expect(actions() == [])
        piece(1, "nobody's")
        #expect(actions() == ["read 5"])
        // One that fails for nobody is over as well.
        ask(7)
        answers.aborted(id(2))
        answers.failed(id(2))
        #expect(actions() == ["read 7"])
    }

    @Test mutating func aClientThatTakesNothingGivesItsPlaceWhenItGoes() {
        for number in 1...5 as ClosedRange<UInt64> { ask(number) }
        piece(1, "first")
        answers.began(id(1), wantsBody: true)
        _ = answers.takeActions()
        answers.aborted(id(1))
        #expect(actions() == ["read 5"])
    }

    @Test mutating func oneTooManyIsToldToComeBack() {
        for number in 1...20 as ClosedRange<UInt64> { ask(number) }
        _ = answers.takeActions()
        ask(21)
        #expect(actions() == ["fail 21 429"])
        // One that waits is forgotten when its client goes.
        answers.aborted(id(5))
        piece(1, "all", isLast: true)
        #expect(actions() == ["respond 1 200 all", "read 6"])
    }

    @Test mutating func whatNoListWaitsForIsCounted() {
        piece(1, "stray")
        answers.failed(id(1))
        answers.began(id(1), wantsBody: true)
        answers.pieceWanted(id(1))
        #expect(actions() == [] && answers.unexpected == 4)
    }
}
