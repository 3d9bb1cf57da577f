import Foundation
import Identity
import Primitives
import SessionRules
import Signaling
import SocketIO
import Testing

let start = Moment(instant: .zero, wall: WallClock(secondsSince1970: 1_767_225_600))
let startText = "2026-01-01T00:00:00.000Z"

func after(_ duration: Duration) -> Moment {
    Moment(instant: start.instant + duration, wall: start.wall + duration)
}

let m1 = Party(id: "M1", organization: "west", address: .here(SocketID(rawValue: 1)))

/// One that has just begun, of M1.
func session(_ id: String, kiosk: String = "K1") throws -> MonitoringSession {
    var machine = MonitoringSessions(MonitoringSessions.Rules())
    let watched = MonitoringSessions.Kiosk(
        id: kiosk, organization: "west", address: .here(SocketID(rawValue: 5)))
    _ = try machine.startRequested(by: m1, kiosk: watched, newId: id, now: start)
    return try #require(machine[id])
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

func crewEvent(_ id: String, _ kind: CrewEvent.Kind = .signOn, crew: String = "4711") -> CrewEvent {
    CrewEvent(kind: kind, eventId: id, crewId: crew, name: "A. Name", train: "IC 7", occurredAt: startText)
}

/// A hash nobody waits for: verifying it is not what these tests are about.
let cheapHash = PasswordHash(
    encoded: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
