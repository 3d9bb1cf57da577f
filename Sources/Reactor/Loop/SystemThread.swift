import CLinux
import Glibc

/// The one place that makes threads of the operating system.
enum SystemThread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a thread that runs `body` and ends. Signals stay with the thread that owns the `SignalSource`: this one blocks them all.
    ///
    /// - Parameter name: at most 15 bytes of it are what `ps -L` shows.
    static func start(
        name: String, stackSize: Int, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        let page = 4096
        let size = (max(stackSize, 64 * 1024) + page - 1) / page * page
        let sized = pthread_attr_setstacksize(&attributes, size)
        precondition(sized == 0, "thread \(name): a stack size the system does not accept")

        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var everything = sigset_t()
        var before = sigset_t()
        sigfillset(&everything)
        pthread_sigmask(SIG_SETMASK, &everything, &before)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                _ = clinux_pthread_setname(pthread_self(), String(start.name.prefix(15)))
                start.body()
                return nil
            }, start.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            start.release()
            throw SystemError("start of thread \(name)", code)
        }
        return thread
    }
}
