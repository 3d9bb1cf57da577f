internal import Glibc
internal import Primitives
public import Reactor
internal import Synchronization

/// Runs the doctor's checks beside each other and hands out what they find in the checks' order.
///
/// The threads are detached: a driver or a name server that blocks one for ever blocks no other check. A check without an
/// answer by the deadline is reported as `unknown`.
public final class DoctorRun: Sendable {
    private struct State {
        var entries: [CheckID: Doctor.Entry] = [:]
        var running: [CheckID: Instant] = [:]
    }

    /// The state of the run, for the progress line on a terminal.
    public struct Progress: Equatable, Sendable {
        var done: Int
        var total: Int
        var running: [CheckID]
        var elapsed: Duration
    }

    private let doctor: Doctor
    private let wanted: [CheckID]
    private let wake: WakeFD
    private let state: Mutex<State>

    /// Starts nothing.
    ///
    /// - Throws: When no event file descriptor can be made.
    public init(_ doctor: Doctor) throws(SystemError) {
        self.doctor = doctor
        wanted = CheckID.allCases.filter { doctor.options.only?.contains($0) ?? true }
        wake = try WakeFD()
        state = Mutex(State())
    }

    /// Runs what is wanted. `progress` is told about every tenth of a second, `ended` of each finding in order.
    ///
    /// - Returns: all findings, and whether every check came to its end.
    public func run(progress: (Progress) -> Void, ended: (Doctor.Entry) -> Void) -> (
        entries: [Doctor.Entry], isComplete: Bool
    ) {
        let began = MonotonicClock.now()
        for lane in CheckID.lanes {
            let ids = lane.filter(wanted.contains)
            if !ids.isEmpty { start(ids) }
        }
        var entries: [Doctor.Entry] = []
        while entries.count < wanted.count {
            wake.clear()
            let (next, known, running) = state.withLock { state in
                (state.entries[wanted[entries.count]], state.entries.count, Array(state.running.keys))
            }
            if let next {
                ended(next)
                entries.append(next)
                continue
            }
            let now = MonotonicClock.now()
            guard now < doctor.deadline else { break }
            let order = wanted.filter(running.contains)
            progress(Progress(done: known, total: wanted.count, running: order, elapsed: now - began))
            Pause.wait(for: wake, atMost: min(.milliseconds(100), doctor.deadline - now))
        }
        let isComplete = entries.count == wanted.count
        for id in wanted.dropFirst(entries.count) {
            let entry = state.withLock { $0.entries[id] } ?? unanswered(id)
            ended(entry)
            entries.append(entry)
        }
        return (entries, isComplete)
    }

    private func unanswered(_ id: CheckID) -> Doctor.Entry {
        let seconds = Int(Doctor.timeLimit.seconds)
        return Doctor.Entry(
            id: id,
            finding: .unanswered(
                "no answer within \(seconds) s", why: "what it asks does not answer, or is slow",
                remedy: "kiosk-agent doctor --only \(id.rawValue)"),
            duration: Doctor.timeLimit)
    }

    private func start(_ ids: [CheckID]) {
        do throws(SystemError) {
            try BackgroundThread.start(name: "checks") { [self] in check(ids) }
        } catch {
            check(ids)
        }
    }

    private func check(_ ids: [CheckID]) {
        for id in ids {
            let began = MonotonicClock.now()
            guard began < doctor.deadline else { return }
            state.withLock { $0.running[id] = began }
            let finding = doctor.check(id)
            let entry = Doctor.Entry(id: id, finding: finding, duration: MonotonicClock.now() - began)
            state.withLock { state in
                state.running[id] = nil
                state.entries[id] = entry
            }
            wake.signal()
        }
    }
}
