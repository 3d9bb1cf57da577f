import HTTP
import HTTPTransport
import Primitives
import Records
import SessionRules
import Signaling
import Testing

@testable import SignalingServer

/// What an API's function fails with, as a client is told; nil where it does not.
private func failure(_ body: () throws(APIFailure) -> Void) -> String? {
    do throws(APIFailure) {
        try body()
        return nil
    } catch {
        return "\(error.status) \(error.error.message)"
    }
}

@Suite struct APIRouteTests {
    private func route(_ method: HTTPMethod, _ path: String, _ query: [String: String] = [:]) -> APIRoute? {
        try? APIRoute(request(method, path, query: query))
    }

    private func refusal(_ method: HTTPMethod, _ path: String, _ query: [String: String] = [:]) -> String? {
        failure { () throws(APIFailure) in _ = try APIRoute(request(method, path, query: query)) }
    }

    @Test func pathAndMethodSayWhatIsAskedFor() {
        #expect(route(.post, "/api/auth/login") == .logIn)
        #expect(route(.post, "/api/auth/refresh") == .refresh)
        #expect(route(.post, "/api/auth/logout") == .logOut)
        #expect(route(.get, "/api/openapi.json") == .document)
        #expect(route(.head, "/api/me") == .session(.me))
        #expect(route(.get, "/api/me/preferences") == .preferences(.show))
        #expect(route(.put, "/api/me/preferences") == .preferences(.keep))
        #expect(route(.get, "/api/ice-servers") == .session(.iceServers))
        #expect(route(.get, "/api/kiosks") == .session(.kiosks))
        #expect(route(.get, "/api/sessions", ["limit": "5"]) == .list(.sessions))
        #expect(route(.get, "/api/sessions/s1") == .session(.show("s1")))
        #expect(route(.delete, "/api/sessions/s1") == .session(.end("s1")))
        #expect(route(.get, "/api/crew-events", ["format": "csv"]) == .list(.crewEvents))
        #expect(route(.get, "/api/audit") == .list(.audit))
        #expect(route(.get, "/api/accounts") == .list(.accounts))
        #expect(route(.post, "/api/accounts") == .account(.add))
        #expect(route(.get, "/api/accounts/a") == .account(.show("a")))
        #expect(route(.patch, "/api/accounts/a") == .account(.change("a")))
        #expect(route(.delete, "/api/accounts/a") == .account(.remove("a")))
    }

    @Test func everythingElseIsRefused() {
        #expect(refusal(.get, "/api/") == "404 no such resource")
        #expect(refusal(.get, "/api/nothing") == "404 no such resource")
        #expect(refusal(.post, "/api/auth/nothing") == "404 no such resource")
        #expect(refusal(.get, "/api/kiosks/K1") == "404 no such resource")
        #expect(refusal(.get, "/api/sessions/") == nil)
        #expect(refusal(.get, "/api/sessions/s1/more") == "404 no such resource")
        #expect(refusal(.get, "/api/auth/login") == "405 method not allowed")
        #expect(refusal(.put, "/api/accounts/a") == "405 method not allowed")
        #expect(refusal(.post, "/api/me") == "405 method not allowed")
        #expect(refusal(.get, "/api/me/nothing") == "404 no such resource")
        #expect(refusal(.patch, "/api/me/preferences") == "405 method not allowed")
        // A misspelt parameter would filter nothing.
        #expect(refusal(.get, "/api/sessions", ["kiosk": "K1"]) == "400 kiosk: unknown parameter")
        #expect(refusal(.get, "/api/sessions/s1", ["limit": "5"]) == "400 limit: unknown parameter")
        let large = request(.post, "/api/auth/login", body: String(repeating: " ", count: 64 * 1024 + 1))
        #expect(
            failure { () throws(APIFailure) in _ = try APIRoute(large) } == "413 the body is larger than 64 KiB")
    }

    @Test func aRefusedMethodNamesThoseThatThereAre() throws {
        let failure = try #require(throws: APIFailure.self) { _ = try APIRoute(request(.put, "/api/accounts")) }
        #expect(failure.response.headers["allow"] == "GET, HEAD, POST")
    }

    @Test func everyRouteHasItsRoles() {
        for route in [.logIn, .refresh, .logOut, .document] as [APIRoute] { #expect(route.roles == nil) }
        for route in [.session(.me), .session(.iceServers)] as [APIRoute] {
            #expect(route.roles == [.kiosk, .monitor, .admin])
        }
        let watchers: [APIRoute] = [
            .session(.kiosks), .session(.show("s")), .session(.end("s")), .list(.sessions), .list(.crewEvents),
            .preferences(.show), .preferences(.keep),
        ]
        for route in watchers { #expect(route.roles == [.monitor, .admin]) }
        let administrators: [APIRoute] = [
            .list(.audit), .list(.accounts), .account(.show("a")), .account(.add), .account(.change("a")),
            .account(.remove("a")),
        ]
        for route in administrators { #expect(route.roles == [.admin]) }
    }
}

@Suite struct ListRequestTests {
    private func reader(_ list: APIRoute.List, _ query: [String: String]) throws -> ListReader {
        try ListReader(list, request(.get, "/api/list", query: query), for: account("M1", .monitor))
    }

    private func refusal(_ list: APIRoute.List, _ query: [String: String]) -> String? {
        let asked = request(.get, "/api/list", query: query)
        return failure { () throws(APIFailure) in _ = try ListReader(list, asked, for: account("M1", .monitor)) }
    }

    @Test func aListIsOfTheAccountsOrganization() throws {
        let sessions = try reader(.sessions, ["kioskId": "K1", "state": "open", "limit": "5", "cursor": "9"])
        #expect(sessions.organization == "west" && sessions.query.size == 5 && sessions.query.cursor == 9)
        guard case .sessions("K1", true) = sessions.source else { preconditionFailure("another list") }
        guard case .crewEvents = try reader(.crewEvents, ["format": "json"]).source else {
            preconditionFailure("another list")
        }
        let export = try reader(.crewEvents, ["format": "csv", "limit": "10000", "crewId": "7"])
        guard case .crewEventsAsCSV(let filter) = export.source else { preconditionFailure("another list") }
        #expect(filter == CrewFilter(crewId: "7") && export.query.endsAt == 10_000)
        let asked = ["kiosk": "K1", "actor": "7", "kind": "crew-sign-off"]
        guard case .crewEvents(let events) = try reader(.crewEvents, asked).source else {
            preconditionFailure("another list")
        }
        #expect(events == CrewFilter(kioskId: "K1", crewId: "7", kind: .signOff))
        let times = ["from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00+01:00", "format": "csv"]
        let lines = try reader(
            .audit, times.merging(["kiosk": "K1", "actor": "M1", "kind": "login"]) { $1 })
        guard case .auditAsCSV(let audit) = lines.source else { preconditionFailure("another list") }
        #expect(
            audit == AuditFilter(kioskId: "K1", actor: "M1", kind: .login, from: start.wall, to: start.wall))
        #expect(lines.fileName == "audit.csv")
    }

    @Test func whatIsNotUnderstoodIsRefusedByName() {
        #expect(refusal(.sessions, ["state": "shut"]) == "400 state: must be one of open, ended")
        #expect(refusal(.sessions, ["limit": "1001"]) == "400 limit: must be a whole number from 1 to 1000")
        #expect(refusal(.crewEvents, ["format": "csv", "limit": "1001"]) == nil)
        #expect(refusal(.audit, ["from": "noon"]) == "400 from: must be a time like 2026-01-31T04:05:06Z")
        #expect(refusal(.audit, ["kind": "logn"])?.hasPrefix("400 kind: must be one of login, ") == true)
        #expect(
            refusal(.crewEvents, ["kind": "login"]) == "400 kind: must be one of crew-sign-on, crew-sign-off")
        #expect(refusal(.crewEvents, ["kiosk": "K1", "kioskId": "K1"]) == "400 kiosk: given beside kioskId")
        #expect(refusal(.audit, ["kiosk": ""]) == "400 kiosk: must be 1 to 128 characters")
        #expect(refusal(.audit, ["cursor": "-1"]) == "400 cursor: must be the next of the page before")
        #expect(refusal(.crewEvents, ["from": "noon"]) == "400 from: must be a time like 2026-01-31T04:05:06Z")
    }
}

@Suite struct AccountOperationTests {
    private let admin = account("A1", .admin)

    private func operation(_ route: APIRoute.Account, _ body: String = "") throws(APIFailure) -> AccountOperation {
        var directory = Directory()
        directory.update(
            Directory.Snapshot(
                accounts: [admin, account("K1"), account("K9", .kiosk, "east")], revokedFamilies: []))
        return try AccountOperation(route, request(.post, "/api/accounts", body: body), by: admin, in: directory)
    }

    private func refusal(_ route: APIRoute.Account, _ body: String = "") -> String? {
        failure { () throws(APIFailure) in _ = try operation(route, body) }
    }

    @Test func aBodyBecomesAnOperation() throws {
        #expect(try operation(.show("K1")) == .show(account("K1")))
        #expect(try operation(.remove("K1")) == .remove(id: "K1"))
        #expect(
            try operation(.add, #"{"id":"K2","role":"kiosk","password":"long enough"}"#)
                == .add(id: "K2", .kiosk, displayName: "K2", password: Redacted("long enough")))
        #expect(
            try operation(.change("K1"), #"{"disabled":true,"unknown":1}"#)
                == .change(id: "K1", displayName: nil, password: nil, isDisabled: true))
    }

    @Test func whatIsMissingOrWrongIsNamed() {
        #expect(refusal(.add, "[]") == "400 the body must be an object")
        #expect(refusal(.add, "{}") == "400 id: missing")
        #expect(refusal(.add, #"{"id":"K2"}"#) == "400 role: missing")
        #expect(refusal(.add, #"{"id":"K2","role":"cook"}"#) == "400 role: must be one of kiosk, monitor, admin")
        #expect(refusal(.add, #"{"id":"K2","role":"kiosk"}"#) == "400 password: missing")
        #expect(
            refusal(.change("K1"), #"{"diabled":true}"#)
                == "400 nothing to change: give displayName, disabled or password")
        #expect(refusal(.change("K1"), #"{"disabled":"yes"}"#) == "400 disabled: must be true or false")
    }

    /// An account of another organization looks as if it were not there, before the body is looked at.
    @Test func othersAccountsAreNotThere() {
        for route in [.show("K9"), .change("K9"), .remove("K9"), .show("K8")] as [APIRoute.Account] {
            #expect(refusal(route, "no JSON") == "404 no such account")
        }
    }

    @Test func anAdministratorDoesNotShutItselfOut() {
        #expect(refusal(.remove("A1")) == "409 an administrator does not remove itself")
        #expect(refusal(.change("A1"), #"{"disabled":true}"#) == "409 an administrator does not lock itself out")
        #expect(refusal(.change("A1"), #"{"disabled":false}"#) == nil)
    }
}
