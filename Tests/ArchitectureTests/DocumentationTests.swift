import Foundation
import Testing

/// What the user of a target must know stands where it is declared: units, ranges, errors, the source in a standard.
@Suite struct DocumentationTests {
    /// The targets whose public declarations are all documented. One that gets there is added here.
    static let documented: [String] = [
        "Primitives", "STUN", "SDP", "RTP", "SCTP", "Congestion", "SocketIO", "HTTP", "Crypto", "SRTP", "Codecs",
        "Capture",
        "Reactor", "HTTPTransport", "Configuration", "Database", "Compression", "Service", "Peer", "Signaling",
        "ICE", "AgentSettings", "Media", "PeerIO", "ServerLink", "Crew", "Doctor",
        "SessionRules", "Identity", "Records", "RecordsSQLite", "SignalingServer",
    ]

    @Test(arguments: documented)
    func publicDeclarationsHaveADocumentationComment(target: String) throws {
        let files = try #require(try SourceTree.targets()[target], "no target of this name")
        for file in files {
            for line in PublicDeclarations.undocumented(in: file.lines) {
                Issue.record("\(file.path):\(line.number): \(line.text)")
            }
        }
    }

    @Test func theCheckSeesWhatItIsFor() {
        let source = """
            /// A shape.
            public struct Shape: Hashable, Sendable {
                public var width: Int
                /// In pixels.
                public private(set) var height: Int
                // Not for readers of the documentation.
                @inlinable public static func + (a: Shape, b: Shape) -> Shape { a }
                ///
                public init() {}
                /// Its area.
                @discardableResult
                public mutating func area() -> Int { 0 }
                nonisolated(unsafe) public static let zero = Shape()
                public static func == (a: Shape, b: Shape) -> Bool { true }
                public static func < (a: Shape, b: Shape) -> Bool { true }
                public func hash(into hasher: inout Hasher) {}
                public init(from decoder: any Decoder) throws {}
                public var description: String { "" }
                var hidden: Int
            }
            public import Primitives
            extension Shape {
                public enum Kind { case round }
            }
            """
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(PublicDeclarations.undocumented(in: lines).map(\.number) == [3, 7, 9, 13, 23])
    }
}

/// docs/congestion.md says of each tuning constant what it decides and which test protects it.
@Suite struct CongestionDocumentTests {
    private func document() throws -> String {
        try #require(try SourceTree.files(in: "docs", ["md"]).first { $0.path == "docs/congestion.md" }).text
    }

    @Test func everyConstantOfTheCongestionControlStandsInIt() throws {
        let document = try document()
        var count = 0
        for file in try #require(try SourceTree.targets()["Congestion"]) {
            var type = ""
            for line in file.lines {
                if let found = line.firstMatch(of: /^(?:public )?(?:struct|enum) (\w+)/) {
                    type = String(found.output.1)
                }
                guard let found = line.firstMatch(of: /^    (?:private )?static let (\w+)/) else { continue }
                count += 1
                #expect(document.contains("| `\(type).\(found.output.1)` |"), "\(type).\(found.output.1)")
            }
        }
        #expect(count > 60)
    }

    @Test func theTestsThatItNamesExist() throws {
        let files = try SourceTree.files(in: "Tests", ["swift"])
        let named = Set(
            try document().matches(of: /`(\w+Tests)\/(\w+)`/).map { [String($0.output.1), String($0.output.2)] })
        #expect(named.count > 30)
        for name in named {
            let holds = files.contains { file in
                file.text.contains("struct \(name[0])") && file.text.contains("func \(name[1])(")
            }
            #expect(holds, "\(name[0])/\(name[1])")
        }
    }
}

/// Finds public declarations by their line: the project's formatter gives each one of its own.
enum PublicDeclarations {
    struct Line {
        /// Counted from 1.
        let number: Int
        let text: String
    }

    /// Declarations without a documentation comment above them and their attributes, those that a protocol prescribes left out.
    static func undocumented(in lines: [Substring]) -> [Line] {
        let declaration =
            /^(?:@\w+(?:\([^)]*\))? )*(?:(?:nonisolated(?:\(unsafe\))?|final|static|mutating|indirect) )*public (?!import )/
        let witness =
            #/
            \bfunc\ (?:==|<)\ \( | \bfunc\ (?:hash\(into|encode\(to|makeIterator\() | \binit\((?:from|rawValue)\b
            | \b(?:var|let)\ (?:description|debugDescription|customMirror|rawValue)\b
            /#
        var found: [Line] = []
        for (index, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            guard text.prefixMatch(of: declaration) != nil, text.firstMatch(of: witness) == nil else { continue }
            guard !isDocumented(lines[..<index]) else { continue }
            found.append(Line(number: index + 1, text: String(text)))
        }
        return found
    }

    /// Whether the lines before a declaration end in a comment that says something, perhaps with attributes behind it.
    private static func isDocumented(_ before: ArraySlice<Substring>) -> Bool {
        let above = before.reversed().lazy.map { $0.drop { $0 == " " } }
        guard let last = above.first(where: { !$0.hasPrefix("@") }), last.hasPrefix("///") else { return false }
        return above.drop { $0.hasPrefix("@") }.prefix { $0.hasPrefix("///") }.contains { $0.count > 4 }
    }
}
