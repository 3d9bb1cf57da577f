import Glibc

/// A thread that nobody waits for: for calls into libraries and drivers that may take longer than anybody waits.
public enum BackgroundThread {
    /// Runs `body` on a thread of its own. Its stack is the largest that threads here have: libraries need what they need.
    ///
    /// - Throws: when there is no thread to be had; `body` has not run then.
    public static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        pthread_detach(try SystemThread.start(name: name, stackSize: 8 << 20, body))
    }
}
