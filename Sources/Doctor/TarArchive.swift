import Glibc
import Primitives
import Reactor

/// Writes the simplest archive that every tool reads: POSIX ustar, regular files only (IEEE Std 1003.1, pax).
struct TarArchive: Sendable {
    private(set) var bytes: [UInt8] = []
    private let modified: WallClock

    init(modified: WallClock) { self.modified = modified }

    /// - Parameter name: at most 100 bytes.
    mutating func add(_ name: String, _ contents: [UInt8]) {
        precondition(name.utf8.count <= 100, "tar: a name longer than its field")
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, at: 0)
        put(octal(0o600, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        put(octal(contents.count, digits: 11), at: 124)
        put(octal(Int(max(0, modified.secondsSince1970)), digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar\u{0}00", at: 257)
        put("root", at: 265)
        put("root", at: 297)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, digits: 6) + "\u{0} ", at: 148)
        bytes += header + contents + [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
    }

    /// For the owner only: pictures and names may be in it. False with errno when it cannot be written.
    func write(to path: String) -> Bool { OwnFile.write(bytes + [UInt8](repeating: 0, count: 1024), to: path) }
}
