internal import CWebSockets
internal import Synchronization

/// What a waker holds: it may outlive the context it wakes.
final class WakeTarget: Sendable {
    private struct Target: @unchecked Sendable {
        var context: OpaquePointer?
        var isPending: Bool
    }

    // libwebsockets lets other threads call lws_cancel_service and nothing else.
    private let target = Mutex(Target(context: nil, isPending: false))

    func wake() {
        target.withLock { target in
            target.isPending = true
            if let context = target.context { lws_cancel_service(context) }
        }
    }

    /// Nil when the context is about to go.
    func setContext(_ context: OpaquePointer?) {
        let box = Target(context: context, isPending: false)
        target.withLock { $0.context = box.context }
    }

    func takePending() -> Bool {
        target.withLock { target in
            defer { target.isPending = false }
            return target.isPending
        }
    }
}
