import JSON

/// What one check of the doctor found out.
struct Finding: Equatable, Sendable {
    enum Status: String, CaseIterable, Sendable {
        case ok
        /// It works, but a technician should look at it.
        case warning
        case failed
        /// Not asked for here, or impossible because an earlier check failed.
        case skipped
        /// No answer, which is not the same as no.
        case unknown
    }

    var status: Status
    /// What was seen.
    var seen: String
    /// Why it matters; nil when all is well.
    var why: String?
    /// What to do; nil when there is nothing to do.
    var remedy: String?
    /// Numbers and names for machines.
    var facts: JSONObject
    /// Whether there should have been an answer, so that a technician has to look. Not so where this machine has nothing to ask.
    var wasDue = false
    /// Of `skipped`: whether something else is broken, missing or not to be read by this user, so that it is not known whether this works.
    var isBlocked = false

    init(_ status: Status, _ seen: String, why: String? = nil, remedy: String? = nil, facts: JSONObject = JSONObject())
    {
        self.status = status
        self.seen = seen
        self.why = why
        self.remedy = remedy
        self.facts = facts
    }

    static func ok(_ seen: String, facts: JSONObject = JSONObject()) -> Finding { Finding(.ok, seen, facts: facts) }
    /// Something that always answers did not.
    static func unanswered(_ seen: String, why: String, remedy: String?, facts: JSONObject = JSONObject()) -> Finding {
        var finding = Finding(.unknown, seen, why: why, remedy: remedy, facts: facts)
        finding.wasDue = true
        return finding
    }

    static func skipped(_ seen: String) -> Finding { Finding(.skipped, seen) }

    /// It could not be checked, for something that it needs does not work.
    static func notChecked(_ reason: String) -> Finding {
        var finding = Finding(.skipped, "not checked: \(reason)")
        finding.isBlocked = true
        finding.wasDue = true
        return finding
    }
}
