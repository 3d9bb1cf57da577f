import Glibc

/// Directories that the agent needs and may have to make.
enum StateDirectory {
    /// Makes `path` and what is above it, for the owner and the group only.
    static func make(_ path: String) throws(AgentError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw AgentError("\(path): not a directory") }
            return
        }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try make(String(path[..<slash])) }
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else {
            let reason = strerror(errno).map { String(cString: $0).lowercased() } ?? "error"
            throw AgentError("\(path): cannot be made (\(reason))")
        }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
