import Primitives

let start = Moment(instant: .zero, wall: WallClock(secondsSince1970: 1_767_225_600))

func after(_ duration: Duration) -> Moment {
    Moment(instant: start.instant + duration, wall: start.wall + duration)
}
