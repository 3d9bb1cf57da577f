/// One check of the doctor, in two halves: what is seen is a value, and what it means is decided from that value alone.
///
///     CheckContext ─ gather ─▶ Observation ─ judge ─▶ Finding
///
/// `gather` asks the machine, the network and the agent, and may take long. `judge` asks nothing: a test hands it any observation.
protocol Check {
    associatedtype Observation: Sendable

    static func gather(_ context: CheckContext) -> Gathered<Observation>
    static func judge(_ observation: Observation) -> Finding
}

/// What gathering has come to.
enum Gathered<Observation: Sendable>: Sendable {
    case seen(Observation)
    /// Something that the check needs does not work.
    case notChecked(String)
    /// There is nothing to check here.
    case skipped(String)

    static var noConfiguration: Gathered { .notChecked("no configuration") }
}

extension Check {
    static func finding(_ context: CheckContext) -> Finding {
        switch gather(context) {
        case .seen(let observation): judge(observation)
        case .notChecked(let reason): .notChecked(reason)
        case .skipped(let reason): .skipped(reason)
        }
    }
}
