import Glibc
import Reactor
import Testing

@testable import KioskAgent

/// What the documents say is what the program does.
@Suite struct DoctorDocumentTests {
    private func document(_ name: String) -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return SystemFile.text("/\(root)/docs/\(name)") ?? ""
    }

    @Test func everyCheckIsDescribedOnce() {
        let headings = document("doctor.md").split(separator: "\n").filter { $0.hasPrefix("### `") }
            .map { String($0.dropFirst(5).dropLast()) }
        #expect(Set(headings) == Set(CheckID.allCases.map(\.rawValue)))
        #expect(headings.count == CheckID.allCases.count)
    }

    @Test func everyTroubleOfTheLinkHasItsRemedy() {
        let text = document("operations-kiosk.md")
        for kind in LinkTrouble.Kind.allCases { #expect(text.contains("| `\(kind.rawValue)` |"), "\(kind.rawValue)") }
    }

    @Test func everyCheckRunsInOneLane() {
        #expect(CheckID.lanes.flatMap(\.self).map(\.rawValue).sorted() == CheckID.allCases.map(\.rawValue).sorted())
    }
}
