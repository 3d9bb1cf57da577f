import Primitives
import SessionRules
import SocketIO

let start = Moment(instant: .zero, wall: WallClock(secondsSince1970: 1_767_225_600))
let startText = "2026-01-01T00:00:00.000Z"

func after(_ duration: Duration) -> Moment {
    Moment(instant: start.instant + duration, wall: start.wall + duration)
}

let m1 = Party(id: "M1", organization: "west", address: .here(SocketID(rawValue: 1)))
let kiosk = MonitoringSessions.Kiosk(id: "K1", organization: "west", address: .here(SocketID(rawValue: 5)))
