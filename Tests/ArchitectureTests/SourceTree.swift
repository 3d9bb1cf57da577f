import Foundation

/// The text of the project, read from the checkout this test was compiled in.
struct SourceTree {
    struct File {
        /// Path from the root of the repository.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The code without comments and without what string literals say, so that a rule judges what is done, not what is told.
        var code: String { Self.strip(text) }

        private static func strip(_ text: String) -> String {
            var result = ""
            result.reserveCapacity(text.utf8.count)
            var rest = Substring(text)
            while let character = rest.first {
                if rest.hasPrefix("//") {
                    rest = rest.drop { $0 != "\n" }
                } else if rest.hasPrefix("/*") {
                    rest = rest.firstRange(of: "*/").map { rest[$0.upperBound...] } ?? ""
                } else if rest.hasPrefix("\"\"\"") {
                    rest = rest.dropFirst(3)
                    rest = rest.firstRange(of: "\"\"\"").map { rest[$0.upperBound...] } ?? ""
                } else if character == "\"" {
                    rest = skipLiteral(rest.dropFirst())
                } else {
                    result.append(character)
                    rest = rest.dropFirst()
                }
            }
            return result
        }

        private static func skipLiteral(_ text: Substring) -> Substring {
            var rest = text
            while let character = rest.first {
                rest = rest.dropFirst(character == "\\" ? 2 : 1)
                if character == "\"" || character == "\n" { break }
            }
            return rest
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

    /// The Swift files of the targets in Sources, by target.
    static func targets() throws -> [String: [File]] {
        Dictionary(grouping: try files(in: "Sources", ["swift"])) { file in
            String(file.path.split(separator: "/")[1])
        }
    }
}
