import Foundation

/// The text of the project, read from the checkout this test was compiled in.
struct SourceTree {
    struct File {
        /// Path from the root of the repository.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The code without comments and without what string literals say, so that a rule judges what is done, not what is told.
        let code: String
        /// The identifiers and keywords of the code.
        let words: Set<String>

        init(path: String, text: String) {
            self.path = path
            self.text = text
            code = path.hasSuffix(".swift") ? Self.strip(text) : ""
            words = SourceTree.words(of: code)
        }

        private static func strip(_ text: String) -> String {
            let bytes = Array(text.utf8)
            var result: [UInt8] = []
            result.reserveCapacity(bytes.count)
            var at = 0
            func begins(with part: StaticString, at place: Int) -> Bool {
                guard place + part.utf8CodeUnitCount <= bytes.count else { return false }
                for offset in 0..<part.utf8CodeUnitCount where bytes[place + offset] != part.utf8Start[offset] {
                    return false
                }
                return true
            }
            func end(of part: StaticString, from place: Int) -> Int {
                var place = place
                while place < bytes.count, !begins(with: part, at: place) { place += 1 }
                return min(place + part.utf8CodeUnitCount, bytes.count)
            }
            while at < bytes.count {
                if begins(with: "//", at: at) {
                    while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
                } else if begins(with: "/*", at: at) {
                    at = end(of: "*/", from: at + 2)
                } else if begins(with: "\"\"\"", at: at) {
                    at = end(of: "\"\"\"", from: at + 3)
                } else if bytes[at] == UInt8(ascii: "\"") {
                    at += 1
                    while at < bytes.count {
                        let byte = bytes[at]
                        at += byte == UInt8(ascii: "\\") ? 2 : 1
                        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") { break }
                    }
                } else {
                    result.append(bytes[at])
                    at += 1
                }
            }
            return String(decoding: result, as: UTF8.self)
        }

        /// The modules it imports, whatever the access level or kind of the import.
        var imports: [String] {
            code.split(separator: "\n").compactMap { line in
                let words = line.split { $0 == " " || $0 == "\t" }
                guard let at = words.firstIndex(of: "import"), words[..<at].allSatisfy(Self.isImportModifier) else {
                    return nil
                }
                guard var name = words[words.index(after: at)...].last else { return nil }
                if let dot = name.firstIndex(of: ".") { name = name[..<dot] }
                return String(name)
            }
        }

        private static func isImportModifier(_ word: Substring) -> Bool {
            word.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(String(word))
        }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The files below `folder` (from the root) with one of `extensions`, sorted by path.
    static func files(in folder: String, _ extensions: Set<String>) throws -> [File] {
        let start = root.appending(path: folder)
        guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else { return [] }
        let prefix = root.path(percentEncoded: false)
        return
            try walk
            .compactMap { $0 as? URL }
            .filter { extensions.contains($0.pathExtension) }
            .map { url in
                let path = url.path(percentEncoded: false)
                return File(
                    path: String(path.dropFirst(prefix.count).drop { $0 == "/" }),
                    text: try String(contentsOf: url, encoding: .utf8))
            }
            .sorted { $0.path < $1.path }
    }

    /// Runs of letters, digits and underscores.
    static func words(of text: String) -> Set<String> {
        var words: Set<String> = []
        for word in text.utf8.split(whereSeparator: { !isWord($0) }) {
            words.insert(String(decoding: word, as: UTF8.self))
        }
        return words
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The Swift files of the targets in Sources, by target. They are read once.
    static func targets() throws -> [String: [File]] { try loaded.get() }

    private static let loaded = Result {
        Dictionary(grouping: try files(in: "Sources", ["swift"])) { file in
            String(file.path.split(separator: "/")[1])
        }
    }
}
