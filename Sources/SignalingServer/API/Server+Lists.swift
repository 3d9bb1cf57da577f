internal import Database
internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import SessionRules
internal import Signaling

extension Server {
    // MARK: Kiosks and sessions

    func listKiosks(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .monitor, .admin, now: now)
        let list = ServerEvent.kioskList(hub.kioskList(of: account.organization)).arguments.first?["kiosks"] ?? []
        respond(to: request.id, .json(200, ["items": list, "next": .null]))
    }

    func listSessions(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .monitor, .admin, now: now)
        let query = APIQuery(request)
        let (limit, cursor, kioskId) = (try query.limit(), try query.cursor(), try query.text("kioskId"))
        let isOpen = try query.word("state", of: ["open", "ended"]).map { $0 == "open" }
        let source = ListReader.Source.sessions(kioskId: kioskId, isOpen: isOpen)
        list(request, account, ListReader(source, organization: account.organization, before: cursor, limit: limit))
    }

    func showSession(_ sessionId: String, _ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .monitor, .admin, now: now)
        let id = request.id
        lists.submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            guard let session = try store.session(sessionId), session.organization == account.organization else {
                return .respond(id, .error(404, SignalingError(.notFound, "no such session")))
            }
            return .respond(id, .json(200, session.json))
        }
    }

    func endSession(_ sessionId: String, _ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .monitor, .admin, now: now)
        guard hub.sessionEnded(by: account, sessionId: sessionId, now: now) else {
            throw APIFailure(.notFound, "no such session")
        }
        respond(to: request.id, HTTPResponse(status: 204))
    }

    // MARK: Crew events and audit

    func listCrewEvents(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .monitor, .admin, now: now)
        let query = APIQuery(request)
        let filter = Store.CrewFilter(
            kioskId: try query.text("kioskId"), crewId: try query.text("crewId"), from: try query.time("from"),
            to: try query.time("to"))
        let isCSV = try query.word("format", of: ["json", "csv"]) == "csv"
        let (limit, cursor) = (try query.limit(most: isCSV ? 10_000 : 1000), try query.cursor())
        let source = isCSV ? ListReader.Source.crewEventsAsCSV(filter) : .crewEvents(filter)
        list(request, account, ListReader(source, organization: account.organization, before: cursor, limit: limit))
    }

    func listAudit(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .admin, now: now)
        let query = APIQuery(request)
        let (limit, cursor) = (try query.limit(), try query.cursor())
        list(request, account, ListReader(.audit, organization: account.organization, before: cursor, limit: limit))
    }

    // MARK: Answers in pieces

    /// Answers with a list, or lets it wait for a place among the account's others.
    func list(_ request: HTTPRequest, _ account: Account, _ reader: ListReader) {
        switch listPlaces.admit(request.id, of: account.id, reader) {
        case .begins(let reader): begin(reader, for: request.id)
        case .waits: break
        case .refused:
            fail(
                request.id, 429, SignalingError(.throttled, "too many lists at once, take their answers first"),
                headers: [HTTPHeader("Retry-After", "1")])
        }
    }

    private func begin(_ reader: ListReader, for request: RequestID) {
        runningLists[request] = RunningList(reader: reader)
        readList(request)
    }

    /// The client has taken the last piece.
    func readList(_ request: RequestID) {
        guard let reader = runningLists[request]?.reader else { return }
        runningLists[request]?.isReading = true
        lists.submit(onFailure: .listFailed(request)) { store throws(DatabaseError) in
            var reader = reader
            let piece = try reader.read(&store)
            return .listRead(request, reader, piece)
        }
    }

    func listRead(_ request: RequestID, _ reader: ListReader, _ piece: ListReader.Piece) {
        guard let list = runningLists[request] else { return }
        guard !list.isAborted else { return listEnded(request) }
        runningLists[request]?.reader = reader
        runningLists[request]?.isReading = false
        if list.hasBegun {
            transport.send(piece: piece.bytes, to: request)
            if piece.isLast { transport.endAnswer(to: request) }
        } else {
            var answer = HTTPResponse.typed(200, reader.contentType, piece.bytes)
            answer.headers += piece.headers
            if piece.isLast {
                respond(to: request, answer)
            } else if beginAnswer(to: request, answer) {
                runningLists[request]?.hasBegun = true
                transport.send(piece: piece.bytes, to: request)
                return
            } else {
                return listEnded(request)
            }
        }
        if piece.isLast { listEnded(request) }
    }

    func listFailed(_ request: RequestID) {
        guard let list = runningLists[request] else { return }
        if !list.isAborted {
            if list.hasBegun {
                transport.abandonAnswer(to: request)
            } else {
                fail(request, SignalingError(.internalError, "the records cannot be read or written"))
            }
        }
        listEnded(request)
    }

    /// The client has gone. A page that is being read keeps its place until it is there.
    func listAborted(_ request: RequestID) {
        guard runningLists[request]?.isReading == true else { return listEnded(request) }
        runningLists[request]?.isAborted = true
    }

    private func listEnded(_ request: RequestID) {
        runningLists[request] = nil
        if let next = listPlaces.ended(request) { begin(next.list, for: next.request) }
    }
}

/// A list that is being answered.
struct RunningList {
    var reader: ListReader
    /// A page is on its way from the records.
    var isReading: Bool = false
    /// The head of the answer is out.
    var hasBegun: Bool = false
    var isAborted: Bool = false
}

extension SessionRecord {
    var json: JSONValue {
        func time(_ time: WallClock?) -> JSONValue { time.map { .string($0.text) } ?? .null }
        return [
            "sessionId": .string(id), "kioskId": .string(kioskId), "monitorId": .string(monitorId),
            "startedAt": time(startedAt), "mediaStartedAt": time(mediaStartedAt),
            "firstFrameMs": firstFrameMs.map { .integer($0) } ?? .null, "mediaStoppedAt": time(mediaStoppedAt),
            "endedAt": time(endedAt), "reason": endReason.map { .string($0.rawValue) } ?? .null,
        ]
    }
}

extension CrewRecord {
    var json: JSONValue {
        func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
        return [
            "event": .string(event.kind.rawValue), "eventId": .string(event.eventId), "kioskId": .string(kioskId),
            "crewId": .string(event.crewId), "name": text(event.name), "role": text(event.role),
            "train": text(event.train), "occurredAt": .string(event.occurredAt), "receivedAt": .string(receivedAt.text),
            "clock": text(event.clock?.rawValue),
        ]
    }
}

extension AuditRow {
    var json: JSONValue {
        [
            "sequence": .integer(sequence), "at": .string(at.text), "kind": .string(kind), "actor": .string(actor),
            "subject": .string(subject),
            "details": (try? JSONValue(parsing: Array(details.utf8))) ?? .object(JSONObject()),
        ]
    }
}
