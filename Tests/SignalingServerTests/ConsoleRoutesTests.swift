import Foundation
import HTTP
import HTTPTransport
import JSON
import Primitives
import Records
import RecordsSQLite
import SessionRules
import Signaling
import SocketIO
import Testing

@testable import SignalingServer

/// What the console asks of a real server over HTTP.
@Suite(.serialized) struct ConsoleRoutesTests {
    private let file = TemporaryFile()

    private func start() throws -> RunningServer {
        try addAccounts(
            file,
            [
                account("K1"), account("K9", .kiosk, "east"), account("M1", .monitor), account("M2", .monitor),
                account("A1", .admin), account("M9", .monitor, "east"),
            ])
        return try RunningServer(file)
    }

    /// What a request is refused with; nil where it is not.
    private func refusal(_ response: HTTPResponse) -> String? {
        guard let error = try? response.json["error"] else { return nil }
        return "\(response.status) \(error["code"]?.string ?? "-"): \(error["message"]?.string ?? "-")"
    }

    /// Lists are read over a connection of their own: what was decided is in them once it is written.
    private func eventually(_ body: () throws -> JSONValue?) throws -> JSONValue? {
        for _ in 0..<100 {
            if let value = try body() { return value }
            usleep(50_000)
        }
        return nil
    }

    @Test func anAdministratorSaysWhyItEndsASession() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let monitor = try client.join("M1")
        let session = try #require(monitor.call("start-monitoring", ["kioskId": "K1"])?["sessionId"]?.string)
        let admin = try client.logIn("A1").token.unredacted
        let own = try client.logIn("M1").token.unredacted
        func end(_ body: JSONValue?, _ token: String) throws -> HTTPResponse {
            try client.request(.delete, "/api/sessions/\(session)", body, token: token)
        }
        let rule = "must be 1 to 200 characters, none of them a control character or one that turns the order of text"
        for reason in ["", String(repeating: "x", count: 201), "a\u{7}", "a\nb", "a\u{202E}b"] {
            #expect(
                refusal(try end(["reason": .string(reason)], admin)) == "400 bad-request: reason: \(rule)", "\(reason)")
        }
        #expect(refusal(try end(["reason": 1], admin)) == "400 bad-request: reason: must be a string")
        #expect(refusal(try end([], admin)) == "400 bad-request: the body must be an object")
        #expect(
            refusal(try end(["reason": "mine"], own)) == "403 forbidden: reason: only an administrator gives one")
        #expect(kiosk.call("heartbeat-ping", ["status": [:]])?["ok"] == true, "nothing has ended")
        #expect(!kiosk.heard.contains { $0.name == "monitoring-stopped" })
        let longest = String(repeating: "ü", count: 200)
        #expect(try end(["reason": .string(longest)], admin).status == 204)
        #expect(kiosk.hear("monitoring-stopped")?["reason"] == "ended-by-admin")
        let line = try eventually {
            let line = try client.request(.get, "/api/audit?limit=1", token: admin).json["items"]?[0]
            return line?["kind"] == "monitoring-stopped" ? line : nil
        }
        #expect(line?["actor"] == "A1" && line?["details"]?["statedReason"]?.string == longest)
    }

    @Test func preferencesAreKeptForTheirAccountAndTwoWindowsDoNotOverwriteEachOther() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let token = try client.logIn("M1").token.unredacted
        let other = try client.logIn("A1").token.unredacted
        let kiosk = try client.logIn("K1").token.unredacted
        func read(_ token: String) throws -> HTTPResponse {
            try client.request(.get, "/api/me/preferences", token: token)
        }
        func keep(_ text: String, _ token: String, ifMatch: String? = nil) throws -> HTTPResponse {
            let match = ifMatch.map { [HTTPHeader("If-Match", $0)] } ?? []
            return try client.request(
                .put, "/api/me/preferences", text: text, token: token,
                headers: match + [HTTPHeader("Content-Type", "application/json")])
        }
        let none = try read(token)
        #expect(none.status == 200 && none.body == Array("{}".utf8))
        let first = try #require(none.headers["etag"])
        // Byte for byte, and only for whom it is.
        let kept = try keep(#"{ "rooms" : [1.50, "\u00fc"] }"#, token, ifMatch: first)
        #expect(kept.status == 204)
        let second = try #require(kept.headers["etag"])
        #expect(try read(token).body == Array(#"{ "rooms" : [1.50, "\u00fc"] }"#.utf8))
        #expect(try read(token).headers["etag"] == second && second != first)
        #expect(try read(other).body == Array("{}".utf8))
        // Another window that knows nothing of that.
        let refused = try keep("{}", token, ifMatch: first)
        #expect(
            refusal(refused)
                == "412 conflict: the preferences have changed since they were read: read them again")
        #expect(refused.headers["etag"] == second)
        #expect(try keep("{}", token, ifMatch: "W/" + second).status == 412, "a weak tag matches nothing")
        #expect(
            refusal(try keep("{}", token, ifMatch: "7"))
                == "400 bad-request: If-Match: must be the entity tags of answers, or *")
        #expect(try keep(#"{"a":1}"#, token, ifMatch: "\"none\", \(second)").status == 204)
        #expect(try keep(#"{"a":2}"#, token, ifMatch: "*").status == 204)
        #expect(try keep(#"{"a":3}"#, token).status == 204)
        #expect(try read(token).body == Array(#"{"a":3}"#.utf8))
        // What is no object, or too large, changes nothing.
        #expect(refusal(try keep("[]", token)) == "400 bad-request: the body must be an object")
        #expect(refusal(try keep("{", token)) == "400 bad-request: the body is not JSON")
        func padded(_ size: Int) -> String { #"{"a":""# + String(repeating: "x", count: size - 8) + #""}"# }
        #expect(try keep(padded(64 * 1024 + 1), token).status == 413)
        #expect(try read(token).body == Array(#"{"a":3}"#.utf8))
        #expect(try keep(padded(64 * 1024), token).status == 204)
        #expect(try read(token).body.count == 64 * 1024)
        #expect(try read(kiosk).status == 403)
        // They go with the account.
        #expect(try client.request(.delete, "/api/accounts/M1", token: other).status == 204)
        let again: JSONValue = ["id": "M1", "role": "monitor", "password": "password of M1"]
        #expect(try client.request(.post, "/api/accounts", again, token: other).status == 201)
        #expect(try read(try client.logIn("M1").token.unredacted).body == Array("{}".utf8))
    }
}
