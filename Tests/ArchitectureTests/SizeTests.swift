import Testing

/// How large a folder and a type may become before somebody has to think about parts.
@Suite struct SizeTests {
    @Test func foldersHoldAboutFifteenFiles() throws {
        let files = try SourceTree.files(in: "Sources", ["swift", "js", "css", "html", "h", "json", "svg"])
        #expect(files.count > 500)
        for (folder, files) in Dictionary(grouping: files, by: { $0.path.split(separator: "/").dropLast() }) {
            #expect(files.count <= 16, "\(folder.joined(separator: "/")) holds \(files.count) files")
        }
    }

    /// Extensions over several files are no parts: together with the type they have the length that one file may have. A type
    /// that is declared inside of another one counts for itself.
    @Test func typesOverSeveralFilesAreNotLonger() throws {
        for (target, files) in try SourceTree.targets() {
            var lines: [String: Int] = [:]
            var places: [String: Set<String>] = [:]
            for file in files {
                for declaration in Self.declarations(in: file.lines) {
                    lines[declaration.type, default: 0] += declaration.lines
                    places[declaration.type, default: []].insert(file.path)
                }
            }
            for (type, count) in lines where places[type, default: []].count > 1 {
                #expect(
                    count <= 600, "\(target): \(type) has \(count) lines in \(places[type, default: []].count) files")
            }
        }
    }

    @Test func theCountSeesWhatItIsFor() {
        let text = """
            public struct One: Sendable {
                var a: Int

                enum Two {
                    case b
                }
                func c() {
                }
            }

            extension One { var d: Int { 1 } }
            extension One.Two {
                var e: Int { 2 }
            }
            """
        let found = Self.declarations(in: text.split(separator: "\n", omittingEmptySubsequences: false))
        #expect(found.map(\.type) == ["One", "One", "One.Two"])
        #expect(found.map(\.lines) == [6, 1, 3])
    }

    private struct Declaration {
        var type: String
        var lines: Int
    }

    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "private", "fileprivate", "final", "indirect", "nonisolated",
    ]
    private static let keywords: Set<Substring> = ["struct", "class", "enum", "extension", "actor", "protocol"]

    /// The types and extensions at the left margin; `swift format` has put their ends there too.
    private static func declarations(in lines: [Substring]) -> [Declaration] {
        var found: [Declaration] = []
        var index = 0
        while index < lines.count {
            defer { index += 1 }
            guard let type = name(of: lines[index], indentation: 0) else { continue }
            let begin = index
            while !isEnd(lines[index], of: lines[begin], indentation: 0), index + 1 < lines.count { index += 1 }
            var count = index - begin + 1
            // Types inside.
            var inner = begin + 1
            while inner < index {
                defer { inner += 1 }
                guard name(of: lines[inner], indentation: 4) != nil else { continue }
                let start = inner
                while !isEnd(lines[inner], of: lines[start], indentation: 4), inner < index { inner += 1 }
                count -= inner - start + 1
            }
            found.append(Declaration(type: type, lines: count))
        }
        return found
    }

    private static func name(of line: Substring, indentation: Int) -> String? {
        guard line.prefix(while: { $0 == " " }).count == indentation else { return nil }
        var words = line.split(separator: " ").drop { modifiers.contains($0) || $0.hasPrefix("@") }
        guard let keyword = words.popFirst(), keywords.contains(keyword), let name = words.first else { return nil }
        return String(name.prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" })
    }

    private static func isEnd(_ line: Substring, of first: Substring, indentation: Int) -> Bool {
        if line == first { return line.hasSuffix("}") }
        return line == String(repeating: " ", count: indentation) + "}"
    }
}
