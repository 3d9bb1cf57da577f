internal import Primitives
internal import SessionRules
internal import Signaling

/// Crew events as RFC 4180 has them.
enum CrewCSV {
    static let header = "event,eventId,kioskId,crewId,name,role,train,occurredAt,receivedAt,clock\r\n"

    static func lines(_ rows: [CrewRecord]) -> String {
        var text = ""
        for row in rows {
            let event = row.event
            let fields: [String?] = [
                event.kind.rawValue, event.eventId, row.kioskId, event.crewId, event.name, event.role, event.train,
                event.occurredAt, row.receivedAt.text, event.clock?.rawValue,
            ]
            text += fields.map { field($0 ?? "") }.joined(separator: ",") + "\r\n"
        }
        return text
    }

    /// Texts come from kiosks: what a spreadsheet would take for a formula is marked as text, also behind a
    /// semicolon, tab or line break, where a spreadsheet of another locale begins a cell.
    static func field(_ text: String) -> String {
        var plain: [UInt8] = []
        var beginsCell = true
        for byte in text.utf8 {
            let separates = [0x3B, 0x09, 0x0A, 0x0D].contains(byte)
            let beginsFormula =
                [0x3D, 0x2B, 0x2D, 0x40].contains(byte) || plain.isEmpty && [0x09, 0x0D].contains(byte)
            if beginsCell, beginsFormula { plain.append(0x27) }
            plain.append(byte)
            beginsCell = separates
        }
        return quoted(String(decoding: plain, as: UTF8.self))
    }

    private static func quoted(_ plain: String) -> String {
        guard plain.utf8.contains(where: { [0x22, 0x2C, 0x3B, 0x09, 0x0A, 0x0D].contains($0) }) else { return plain }
        return "\"" + plain.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
