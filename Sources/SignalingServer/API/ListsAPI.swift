internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Records
internal import RecordsSQLite
internal import SessionRules

/// Does for lists what their machine decides: the records are read, the clients answered.
final class ListsAPI {
    private let records: ListsThread
    private let responses: Responses
    private var answers: ListAnswers

    init(_ records: ListsThread, _ responses: Responses) {
        self.records = records
        self.responses = responses
        answers = ListAnswers()
    }

    func asked(_ id: RequestID, by account: Account, _ reader: ListReader) {
        answers.asked(id, by: account.id, reader)
        perform()
    }

    func pieceWanted(_ id: RequestID) {
        answers.pieceWanted(id)
        perform()
    }

    func aborted(_ id: RequestID) {
        answers.aborted(id)
        perform()
    }

    func pieceRead(_ reader: ListReader, _ piece: ListReader.Piece, _ ticket: RecordTicket) {
        answers.pieceRead(ticket.request, reader, piece)
        perform()
    }

    func failed(_ ticket: RecordTicket) {
        answers.failed(ticket.request)
        perform()
    }

    private func perform() {
        var actions = answers.takeActions()
        while !actions.isEmpty {
            for action in actions {
                switch action {
                case .read(let reader, let id): records.submit(.piece(reader, id.ticket))
                case .respond(let id, let response): responses.respond(to: id, response)
                case .begin(let id, let head): answers.began(id, wantsBody: responses.begin(to: id, head))
                case .send(let piece, let id): responses.send(piece: piece, to: id)
                case .end(let id): responses.end(id)
                case .abandon(let id): responses.abandon(id)
                case .fail(let id, let failure): responses.fail(id, failure)
                }
            }
            actions = answers.takeActions()
        }
    }
}
