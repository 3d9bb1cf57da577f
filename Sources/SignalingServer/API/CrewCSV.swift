internal import Primitives
internal import Signaling

/// Crew events as RFC 4180 has them.
enum CrewCSV {
    static func text(_ rows: [CrewRecord]) -> String {
        var text = "event,eventId,kioskId,crewId,name,role,train,occurredAt,receivedAt,clock\r\n"
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

    /// Texts come from kiosks: one that a spreadsheet would take for a formula is marked as text.
    static func field(_ text: String) -> String {
        let isFormula = text.utf8.first.map { [0x3D, 0x2B, 0x2D, 0x40, 0x09, 0x0D].contains($0) } ?? false
        let plain = isFormula ? "'\(text)" : text
        guard plain.utf8.contains(where: { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }) else { return plain }
        return "\"" + plain.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
