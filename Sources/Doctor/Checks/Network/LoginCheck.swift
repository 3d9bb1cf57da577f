import JSON
import ServerLink
import Signaling

/// Whether the server lets this kiosk in.
enum LoginCheck: Check {
    static func gather(_ context: CheckContext) -> Gathered<DoctorFacts.Login> { .seen(context.login()) }

    static func judge(_ login: DoctorFacts.Login) -> Finding {
        switch login {
        case .done(let answer): return .ok("as \(answer.user.id) of \(answer.user.organization)")
        case .skipped(let reason): return .notChecked(reason)
        case .unanswered(let reason):
            return .unanswered(
                reason, why: "without a login the kiosk cannot register",
                remedy: "kiosk-agent doctor --only server,login")
        case .unknown(let reason, let remedy):
            return Finding(.unknown, reason, why: "without a login the kiosk cannot register", remedy: remedy)
        case .refused(let trouble):
            var facts = JSONObject()
            facts["trouble"] = .string(trouble.kind.rawValue)
            return Finding(
                .failed, trouble.message, why: "the kiosk cannot register",
                remedy: trouble.remedy ?? "see the server's log", facts: facts)
        }
    }
}
