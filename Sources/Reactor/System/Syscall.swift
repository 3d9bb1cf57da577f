import CLinux
import Glibc

/// How a system call ended: with a value, or with an errno that the caller has to look at.
package enum Outcome<Value> {
    case success(Value)
    case failure(Int32)

    package func get(_ operation: @autoclosure () -> String) throws(SystemError) -> Value {
        switch self {
        case .success(let value): return value
        case .failure(let code): throw SystemError(operation(), code)
        }
    }
}

/// The one place where system calls are made.
///
/// errno is read before anything else can run that might change it; a call that a signal interrupted is repeated;
/// EBADF and EFAULT are our own mistakes and trap; everything else is a value. EAGAIN is one too: the caller of a
/// non-blocking call decides what waiting means.
package enum Syscall {
    package static func call<Value: FixedWidthInteger>(_ body: () -> Value) -> Outcome<Value> {
        while true {
            let result = body()
            if result != -1 { return .success(result) }
            let code = errno
            if code == EINTR { continue }
            precondition(code != EBADF, "system call on a descriptor that is not open")
            precondition(code != EFAULT, "system call with memory that is not ours")
            return .failure(code)
        }
    }

    /// As `call`, for calls that a signal ends for good: close(2) frees the descriptor even when it says EINTR.
    package static func close(_ descriptor: Int32) {
        let result = Glibc.close(descriptor)
        let code = errno
        precondition(result == 0 || code != EBADF, "close of a descriptor that is not open")
    }

    package static func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Outcome<Int> {
        call { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
    }

    package static func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Outcome<Int> {
        call { Glibc.write(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// Sends without raising SIGPIPE.
    package static func send(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Outcome<Int> {
        call { Glibc.send(descriptor, buffer.baseAddress, buffer.count, clinux_msg_nosignal) }
    }

    package static func receive(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, flags: Int32 = 0)
        -> Outcome<Int>
    {
        call { Glibc.recv(descriptor, buffer.baseAddress, buffer.count, flags) }
    }

    /// A new close-on-exec, non-blocking socket.
    package static func socket(_ family: Int32, _ type: Int32, _ proto: Int32 = 0) -> Outcome<Int32> {
        call { Glibc.socket(family, type | clinux_sock_nonblock | clinux_sock_cloexec, proto) }
    }

    package static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Outcome<Int32>
    {
        var value = value
        return call { setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) }
    }

    package static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Outcome<Int32> {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        switch call({ getsockopt(descriptor, level, name, &value, &size) }) {
        case .success: return .success(value)
        case .failure(let code): return .failure(code)
        }
    }
}
