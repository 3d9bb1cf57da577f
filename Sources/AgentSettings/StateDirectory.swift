import Reactor

/// Directories that the agent needs and may have to make.
public enum StateDirectory {
    /// Makes `path` and what is above it, for the owner and the group only.
    public static func make(_ path: String) throws(StateDirectoryError) {
        if let status = try? FileSystem.status(of: path) {
            guard status.isDirectory else { throw StateDirectoryError("\(path): not a directory") }
            return
        }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try make(String(path[..<slash])) }
        do throws(SystemError) {
            try FileSystem.makeDirectory(path, permissions: 0o750)
        } catch {
            throw StateDirectoryError("\(path): cannot be made (\(error.reason))")
        }
    }

    /// The directory of the file at `path`; `/` where the only slash is the first character, and where there is none.
    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}

/// Why a directory cannot be had, in one line that begins with its path.
public struct StateDirectoryError: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String

    init(_ description: String) { self.description = description }
}
