import Glibc

/// Small files of the kernel, and what /proc and /sys are made of.
public enum SystemFile {
    /// Bytes that are read of one file.
    public static let maximumSize = 64 * 1024

    /// The first `maximumSize` bytes; nil when it cannot be read.
    public static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 * 1024)
        // A file of the kernel's gives a page at a time, however much is asked for.
        while bytes.count < maximumSize {
            let count = read(descriptor, &part, min(part.count, maximumSize - bytes.count))
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Fails with the kernel's reason where this process may not read the file.
    public static func checkReadable(_ path: String) throws(SystemError) {
        _ = try Syscall.call { access(path, R_OK) }.get("open \(path)")
    }

    /// The text without white space around it.
    public static func line(_ path: String) -> String? {
        guard let text = text(path) else { return nil }
        guard let start = text.firstIndex(where: { !$0.isWhitespace }),
            let end = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[start...end])
    }

    /// A file that holds one decimal number; nil otherwise.
    public static func integer(_ path: String) -> Int64? { line(path).flatMap { Int64($0) } }

    /// `Name:  123 kB` lines.
    public static func fields(_ path: String) -> [String: Int64] {
        var result: [String: Int64] = [:]
        for line in (text(path) ?? "").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let value = parts[1].split(separator: " ").first.flatMap({ Int64($0) }) else {
                continue
            }
            result[String(parts[0])] = value
        }
        return result
    }

    /// Where a symbolic link leads to.
    public static func target(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }

    /// The names in a directory, in order, without hidden ones; none when it cannot be read.
    public static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
