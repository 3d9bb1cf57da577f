import Glibc

/// Waits until `condition` holds. A generous limit: it is there so that what is broken ends the test.
public func eventually(_ condition: () -> Bool) -> Bool {
    let limit = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < limit {
        if condition() { return true }
        usleep(5_000)
    }
    return false
}
