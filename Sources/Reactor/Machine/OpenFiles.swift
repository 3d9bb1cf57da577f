import Glibc

/// How many descriptors this process may have.
public enum OpenFiles {
    /// Raises the limit to what the system allows the process. Without free descriptors no connection could be accepted.
    ///
    /// - Returns: the limit from now on.
    @discardableResult
    public static func raiseLimit() -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        var wanted = limit
        wanted.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 else {
            return UInt64(limit.rlim_cur)
        }
        return UInt64(wanted.rlim_cur)
    }
}
