internal import Primitives

/// Lines of the audit as RFC 4180 has them.
enum AuditCSV {
    static let header = "sequence,at,kind,actor,subject,details\r\n"

    static func lines(_ rows: [AuditRow]) -> String {
        var text = ""
        for row in rows {
            let fields = ["\(row.sequence)", row.at.text, row.kind, row.actor, row.subject, row.details]
            text += fields.map(CrewCSV.field).joined(separator: ",") + "\r\n"
        }
        return text
    }
}
