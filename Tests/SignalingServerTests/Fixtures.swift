import Foundation
import HTTP
import Identity
import Primitives
import SessionRules
import Signaling

@testable import HTTPTransport

let start = Moment(instant: .zero, wall: WallClock(secondsSince1970: 1_767_225_600))
let startText = "2026-01-01T00:00:00.000Z"

func after(_ duration: Duration) -> Moment {
    Moment(instant: start.instant + duration, wall: start.wall + duration)
}

/// A path in the temporary directory; the file and SQLite's companions go with it.
final class TemporaryFile: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "records-\(UUID().uuidString)").path()
    deinit {
        for suffix in ["", "-wal", "-shm", ".lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
}

func account(_ id: String, _ role: Role = .kiosk, _ organization: String = "west") -> Account {
    Account(
        id: id, role: role, organization: organization, displayName: "The \(id)", createdAt: start.wall,
        tokensValidFrom: start.wall, generation: 7)
}

/// A hash nobody waits for: verifying it is not what these tests are about.
let cheapHash = PasswordHash(
    encoded: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")

/// A request as the transport gives it.
func request(
    _ method: HTTPMethod, _ path: String, id: UInt64 = 1, query: [String: String] = [:],
    headers: [String: String] = [:],
    body: String = "", from peer: String = "192.0.2.1:5000"
) -> HTTPRequest {
    HTTPRequest(
        id: RequestID(rawValue: id), method: method, path: path,
        query: query.sorted { $0.key < $1.key }.map { QueryItem(name: $0.key, value: $0.value) },
        headers: headers.map { HTTPHeader($0.key, $0.value) }, body: Array(body.utf8), peer: SocketAddress(peer)!)
}
