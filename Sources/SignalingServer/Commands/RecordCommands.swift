internal import Configuration
internal import Reactor
internal import Records
internal import RecordsSQLite

enum RecordCommands {
    static func rotateKeys(_ invocation: Invocation) throws(CommandFailure) {
        var records = try SignalingCommands.open(invocation)
        try checked { () throws(RecordError) in
            try records.rotateKeys(by: AccountCommands.actor, now: SystemWallClock.now())
        }
        Terminal.print("a new key signs from now on")
    }

    static func verifyAudit(_ invocation: Invocation) throws(CommandFailure) {
        var records = try SignalingCommands.open(invocation, .readOnly)
        var verdict = AuditVerdict.whole(rows: 0)
        try checked { () throws(RecordError) in verdict = try records.verifyAudit() }
        switch verdict {
        case .whole(let rows): Terminal.print("the audit is whole: \(rows) lines")
        case .broken(let sequence, let reason):
            throw CommandFailure(.failed, "the audit is broken at line \(sequence): \(reason)")
        }
    }

    static func backUp(_ invocation: Invocation) throws(CommandFailure) {
        let file = invocation["FILE"] ?? ""
        var records = try SignalingCommands.open(invocation)
        try checked { () throws(RecordError) in try records.backUp(to: file) }
        Terminal.print("copied to \(file)")
    }

    private static func checked(_ body: () throws(RecordError) -> Void) throws(CommandFailure) {
        do throws(RecordError) { try body() } catch { throw CommandFailure(.failed, error.description) }
    }
}
