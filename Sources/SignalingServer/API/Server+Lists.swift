internal import Database
internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Signaling
internal import SocketIO

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
        let id = request.id
        lists.submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            let rows = try store.sessions(
                organization: account.organization, kioskId: kioskId, isOpen: isOpen, before: cursor, limit: limit)
            return .respond(id, .json(200, page(rows, limit: limit, cursor: \.sequence, json: \.json)))
        }
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
        let id = request.id
        lists.submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            let rows = try store.crewEvents(
                organization: account.organization, filter, before: cursor, limit: limit)
            guard isCSV else {
                return .respond(id, .json(200, page(rows, limit: limit, cursor: \.sequence, json: \.json)))
            }
            var response = HTTPResponse.text(200, CrewCSV.text(rows), type: "text/csv; charset=utf-8")
            response.headers.append(HTTPHeader("Content-Disposition", "attachment; filename=\"crew-events.csv\""))
            if rows.count == limit, let last = rows.last {
                response.headers.append(HTTPHeader("X-Next-Cursor", String(last.sequence)))
            }
            return .respond(id, response)
        }
    }

    func listAudit(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, _) = try identify(request, .admin, now: now)
        let query = APIQuery(request)
        let (limit, cursor) = (try query.limit(), try query.cursor())
        let id = request.id
        lists.submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            let rows = try store.audit(organization: account.organization, before: cursor, limit: limit)
            return .respond(id, .json(200, page(rows, limit: limit, cursor: \.sequence, json: \.json)))
        }
    }
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
