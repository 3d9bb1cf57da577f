import CLinux
import Glibc
public import Primitives

/// Waits for descriptors and for a deadline: epoll, told what to wait for and answering with values.
///
/// One thread owns it. There are no callbacks: the owner looks at the events, does the work, computes its next
/// deadline and waits again.
///
///     try loop.register(socket.descriptor, token: .init(1), for: .readable)
///     while running {
///         try loop.wait(until: machine.nextTimeout?.at)
///         for event in loop.events { … }
///     }
public struct EventLoop: ~Copyable {
    /// The owner's name for a registered descriptor.
    public struct Token: Hashable, Sendable {
        public var rawValue: UInt64
        /// Nothing is checked.
        public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    }

    /// What a descriptor is watched for. Its errors are always reported.
    public struct Interest: OptionSet, Sendable {
        public var rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// A read will not block.
        public static let readable = Interest(rawValue: 1)
        /// A write will not block.
        public static let writable = Interest(rawValue: 2)
        /// Without it, that the other end has finished sending is reported, also where nothing is to be read.
        public static let ignoresEnd = Interest(rawValue: 4)
    }

    /// What can be done now with the descriptor behind `token`.
    public struct Event: Hashable, Sendable {
        /// Whose event it is.
        public var token: Token
        /// A read will not block: there are bytes, the end, or an error to fetch.
        public var isReadable: Bool
        /// A write will not block, or will fail at once.
        public var isWritable: Bool
        /// The other end closed, or the descriptor failed. A read or write tells more.
        public var isHungUp: Bool

        /// For tests; the loop makes its own.
        public init(token: Token, isReadable: Bool, isWritable: Bool, isHungUp: Bool) {
            self.token = token
            self.isReadable = isReadable
            self.isWritable = isWritable
            self.isHungUp = isHungUp
        }
    }

    private let epoll: FileDescriptor
    private let buffer: UnsafeMutableBufferPointer<epoll_event>
    private var hasPreciseWait: Bool
    /// What the last `wait` found. Empty when the deadline passed first.
    public private(set) var events: [Event]

    /// - Parameter eventsPerWait: at most so many events are reported at once; the rest come with the next wait.
    public init(eventsPerWait: Int = 64) throws(SystemError) {
        epoll = FileDescriptor(
            takingOwnershipOf: try Syscall.call { epoll_create1(Int32(clinux_sock_cloexec)) }.get("epoll_create1"))
        buffer = .allocate(capacity: max(1, eventsPerWait))
        buffer.initialize(repeating: epoll_event())
        hasPreciseWait = true
        events = []
        events.reserveCapacity(buffer.count)
    }

    deinit { buffer.deallocate() }

    /// Starts watching a descriptor, level triggered: it is reported again until what it waits for has been done.
    ///
    /// The descriptor must be deregistered before it is closed.
    public mutating func register(_ descriptor: Int32, token: Token, for interest: Interest) throws(SystemError) {
        _ = try control(EPOLL_CTL_ADD, descriptor, token, interest).get("epoll_ctl add")
    }

    /// Changes what a registered descriptor is watched for.
    public mutating func modify(_ descriptor: Int32, token: Token, for interest: Interest) throws(SystemError) {
        _ = try control(EPOLL_CTL_MOD, descriptor, token, interest).get("epoll_ctl mod")
    }

    /// Stops watching a descriptor. Events of it that were already reported must be ignored by their token.
    public mutating func deregister(_ descriptor: Int32) throws(SystemError) {
        _ = try control(EPOLL_CTL_DEL, descriptor, Token(0), []).get("epoll_ctl del")
    }

    /// Waits for the first event, at most until `deadline`; nil waits without end. Afterwards `events` tells.
    public mutating func wait(until deadline: Instant?) throws(SystemError) {
        events.removeAll(keepingCapacity: true)
        let count = try waitForCount(until: deadline)
        for index in 0..<count {
            let bits = buffer[index].events
            let hungUp = bits & (clinux_epollhup | clinux_epollerr | clinux_epollrdhup) != 0
            let failed = bits & (clinux_epollhup | clinux_epollerr) != 0
            events.append(
                Event(
                    token: Token(clinux_epoll_token(buffer.baseAddress! + index)),
                    isReadable: bits & clinux_epollin != 0 || failed,
                    isWritable: bits & clinux_epollout != 0,
                    isHungUp: hungUp))
        }
    }

    private mutating func waitForCount(until deadline: Instant?) throws(SystemError) -> Int {
        let epoll = epoll.rawValue
        let buffer = buffer
        while true {
            // A signal handler may end the wait early; the rest of the time is computed anew.
            let remaining = deadline.map { max(.zero, $0 - MonotonicClock.now()) }
            let result: Int32
            if hasPreciseWait {
                if let remaining {
                    var time = timespec(nonNegative: remaining)
                    result = clinux_epoll_pwait2(epoll, buffer.baseAddress, Int32(buffer.count), &time, nil)
                } else {
                    result = clinux_epoll_pwait2(epoll, buffer.baseAddress, Int32(buffer.count), nil, nil)
                }
            } else {
                result = epoll_wait(epoll, buffer.baseAddress, Int32(buffer.count), EventLoop.milliseconds(remaining))
            }
            if result >= 0 { return Int(result) }
            let code = errno
            switch code {
            case EINTR: continue
            // Kernels before 5.11 and some sandboxes: whole milliseconds are the best there is.
            case ENOSYS where hasPreciseWait, EPERM where hasPreciseWait: hasPreciseWait = false
            default: throw SystemError("epoll_wait", code)
            }
        }
    }

    /// Rounded up, so that a deadline has passed when its wait ends.
    static func milliseconds(_ remaining: Duration?) -> Int32 {
        guard let remaining else { return -1 }
        return Int32(clamping: (max(0, remaining.nanoseconds) &+ 999_999) / 1_000_000)
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ token: Token, _ interest: Interest
    ) -> Outcome<Int32> {
        var bits = interest.contains(.ignoresEnd) ? 0 : clinux_epollrdhup
        if interest.contains(.readable) { bits |= clinux_epollin }
        if interest.contains(.writable) { bits |= clinux_epollout }
        return Syscall.call { clinux_epoll_ctl(epoll.rawValue, operation, descriptor, bits, token.rawValue) }
    }
}
