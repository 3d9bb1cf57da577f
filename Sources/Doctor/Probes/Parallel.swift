import Primitives
import Reactor
import Synchronization

/// The same work for several things at once, each on a thread of its own.
enum Parallel {
    /// `body` for each, in their order. Returns when the last one is done: `body` must be bounded.
    static func map<Input: Sendable, Output: Sendable>(
        _ inputs: [Input], _ body: @escaping @Sendable (Input) -> Output
    ) -> [Output] {
        guard inputs.count > 1 else { return inputs.map(body) }
        guard let wake = try? WakeFD() else { return inputs.map(body) }
        let results = Results<Output>()
        for (index, input) in inputs.enumerated() {
            let work: @Sendable () -> Void = {
                let output = body(input)
                results.all.withLock { $0[index] = output }
                wake.signal()
            }
            // Out of threads, one after the other.
            do throws(SystemError) { try BackgroundThread.start(name: "check", work) } catch { work() }
        }
        while results.all.withLock({ $0.count }) < inputs.count {
            wake.clear()
            if results.all.withLock({ $0.count }) == inputs.count { break }
            Pause.wait(for: wake)
        }
        return results.all.withLock { all in inputs.indices.compactMap { all[$0] } }
    }

    private final class Results<Output: Sendable>: Sendable {
        let all = Mutex<[Int: Output]>([:])
    }
}
