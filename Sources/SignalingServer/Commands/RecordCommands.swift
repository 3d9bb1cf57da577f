internal import Configuration
internal import Database
internal import Reactor

enum RecordCommands {
    static func rotateKeys(_ invocation: Invocation) throws(CommandFailure) {
        var store = try SignalingCommands.open(invocation)
        try checked { () throws(DatabaseError) in
            try store.rotateKeys(actor: AccountCommands.actor, now: SystemWallClock.now())
        }
        Terminal.print("a new key signs from now on")
    }

    static func verifyAudit(_ invocation: Invocation) throws(CommandFailure) {
        var store = try SignalingCommands.open(invocation, .readOnly)
        var verdict = Store.AuditVerdict.whole(rows: 0)
        try checked { () throws(DatabaseError) in verdict = try store.verifyAudit() }
        switch verdict {
        case .whole(let rows): Terminal.print("the audit is whole: \(rows) lines")
        case .broken(let sequence, let reason):
            throw CommandFailure(.failed, "the audit is broken at line \(sequence): \(reason)")
        }
    }

    static func backUp(_ invocation: Invocation) throws(CommandFailure) {
        let file = invocation["FILE"] ?? ""
        var store = try SignalingCommands.open(invocation)
        try checked { () throws(DatabaseError) in try store.backUp(to: file) }
        Terminal.print("copied to \(file)")
    }

    private static func checked(_ body: () throws(DatabaseError) -> Void) throws(CommandFailure) {
        do throws(DatabaseError) { try body() } catch { throw CommandFailure(.failed, error.description) }
    }
}
