import Foundation
import Testing

/// What the console's Content-Security-Policy and its embedding into the server rely on.
@Suite struct ConsoleTests {
    static let folder = "Sources/ConsolePage/Page"

    @Test func nothingIsInlineAndNothingIsFetchedFromElsewhere() throws {
        let forbidden = [
            /<script(?![^>]*\bsrc=)/, /<style\b/, /\sstyle=/, /\son[a-z]+\s*=\s*"/, /\binnerHTML\b/, /\bouterHTML\b/,
            /\binsertAdjacentHTML\b/, /\beval\(/, /\bnew Function\b/, /https?:\/\/(?!www\.w3\.org\/)/, /@import\b/,
        ]
        for file in try SourceTree.files(in: Self.folder, ["html", "js", "css", "svg"]) {
            for pattern in forbidden {
                if let found = file.text.firstMatch(of: pattern) { Issue.record("\(file.path): \(found.output)") }
            }
        }
    }

    /// SwiftPM embeds each file under its last path component: two of the same name would be one.
    @Test func everyFileHasItsOwnNameAndIsReachable() throws {
        let files = try SourceTree.files(in: Self.folder, ["html", "js", "css", "svg"])
        let names = files.compactMap { $0.path.split(separator: "/").last.map(String.init) }
        #expect(Set(names).count == names.count)
        let everything = files.map(\.text).joined()
        for name in names where name != "index.html" {
            #expect(everything.contains(name), "nothing loads \(name)")
        }
    }

    @Test func modulesImportOnlyWhatExists() throws {
        let files = try SourceTree.files(in: Self.folder, ["js"])
        let paths = Set(files.map(\.path))
        for file in files {
            let folder = URL(filePath: "/" + file.path).deletingLastPathComponent()
            for found in file.text.matches(of: /from '(\.[^']+)'/) {
                let path = folder.appending(path: String(found.output.1)).standardized.path().dropFirst()
                #expect(paths.contains(String(path)), "\(file.path) imports \(found.output.1)")
            }
        }
    }
}
