/// What a waker holds: it may outlive the context it wakes.
final class WakeTarget: Sendable {
    init() {}
    func wake() {}
}
