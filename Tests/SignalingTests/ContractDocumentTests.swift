import Foundation
import Signaling
import Testing

/// What docs/signaling.md says is what the programs do.
@Suite struct ContractDocumentTests {
    private let document: String

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        document = try String(contentsOf: root.appending(path: "docs/signaling.md"), encoding: .utf8)
    }

    @Test func everyCodeStandsInTheTable() {
        let rows = document.split(separator: "\n").filter { $0.hasPrefix("| `") }
        for code in SignalingErrorCode.allCases {
            #expect(rows.count { $0.hasPrefix("| `\(code.rawValue)` |") } == 1, "\(code.rawValue)")
        }
    }

    @Test func everyReasonAndEventIsNamed() {
        for reason in SessionEndReason.allCases where reason != .other {
            #expect(document.contains("`\(reason.rawValue)`"), "\(reason.rawValue)")
        }
        for code in SessionErrorCode.allCases { #expect(document.contains("`\(code.rawValue)`"), "\(code.rawValue)") }
        for kind in ClientEvent.Kind.allCases { #expect(document.contains("`\(kind.rawValue)`"), "\(kind.rawValue)") }
        for kind in ServerEvent.Kind.allCases { #expect(document.contains("`\(kind.rawValue)`"), "\(kind.rawValue)") }
    }
}
