import Primitives
import Records
import SessionRules
import Testing

@Suite struct AuditChainTests {
    private static let beginning = AuditLink(sequence: 0, hash: [UInt8](repeating: 0, count: 32))

    private func rows(_ count: Int, cutAt cut: Int64? = nil) -> [AuditRow] {
        var last = Self.beginning
        var rows: [AuditRow] = []
        for index in 0..<count {
            rows.append(
                AuditRow(
                    AuditEntry(at: start, kind: .login, organization: "west", principal: "K\(index)"), after: last))
            last = rows[index].link
        }
        if let cut { rows.append(AuditRow(.pruned(through: cut, at: start), after: last)) }
        return rows
    }

    private func verdict(_ rows: some Sequence<AuditRow>, from beginning: AuditLink = beginning) -> AuditVerdict {
        var chain = AuditChain(from: beginning)
        for row in rows { if let broken = chain.follow(row) { return broken } }
        return chain.verdict
    }

    /// What is hashed is a format: records that are there stay verifiable, whatever keeps them. Computed with Python's hashlib from
    /// 32 zero bytes, then sequence, milliseconds and each text's length as eight bytes, the texts in UTF-8.
    @Test func theHashIsTheFormatsOwn() {
        let entry = AuditEntry(
            at: WallClock(nanosecondsSince1970: 1_767_225_600_123_456_789), kind: .keysRotated, organization: "wést",
            principal: "cli")
        let row = AuditRow(entry, after: Self.beginning)
        #expect(row.sequence == 1 && row.details == "{}")
        #expect(
            row.hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                == "294962dcead301ddf7606a6142e3bdfc62e8572323d87fac2792e99c322b5fc2")
    }

    @Test func aWholeChainIsCounted() {
        #expect(verdict([]) == .whole(rows: 0))
        #expect(verdict(rows(5)) == .whole(rows: 5))
    }

    @Test func aRowThatIsMissingOrChangedIsNamed() {
        var some = rows(5)
        some.remove(at: 2)
        #expect(verdict(some) == .broken(sequence: 3, reason: "the row is missing"))
        some = rows(5)
        some[3].at = start + .milliseconds(1)
        #expect(verdict(some) == .broken(sequence: 4, reason: "the row is not what was written"))
    }

    @Test func aBeginningThatWasMovedNeedsAWitness() {
        let some = rows(5)
        #expect(
            verdict(some[3...], from: some[2].link)
                == .broken(sequence: 3, reason: "the rows up to here are missing, and no row says why"))
        let cut = rows(5, cutAt: 4)
        // The deletion is under way: it has got to the third row.
        #expect(verdict(cut[3...], from: cut[2].link) == .whole(rows: 3))
        #expect(verdict(cut[4...], from: cut[3].link) == .whole(rows: 2))
        // One that says less than is missing is no witness.
        guard case .broken(sequence: 5, _) = verdict(cut[5...], from: cut[4].link) else {
            Issue.record("not found")
            return
        }
    }
}
