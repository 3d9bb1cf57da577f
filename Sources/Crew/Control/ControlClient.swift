internal import Glibc
public import JSON
internal import Primitives
internal import Reactor

/// The command line's side of the control socket: one request, one answer.
public enum ControlClient {
    /// Why there is no answer, or the agent's refusal, in one line for a person.
    public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        public var description: String
        /// Whether no agent listens there.
        public var isAbsent: Bool

        /// Takes the values as they are.
        public init(description: String, isAbsent: Bool = false) {
            self.description = description
            self.isAbsent = isAbsent
        }
    }

    /// A snapshot without loss is the longest.
    private static let longestAnswer = 64 << 20

    /// Sends `request` to the agent that listens at `path` and returns its answer.
    ///
    /// - Throws: when there is no agent, it refuses, or does not answer within `timeout`.
    public static func ask(_ request: JSONValue, at path: String, timeout: Duration = .seconds(30)) throws(Failure)
        -> JSONValue
    {
        let deadline = MonotonicClock.now() + timeout
        var stream = try connect(path, deadline: deadline)
        try send(request.jsonText + [0x0A], over: &stream, deadline: deadline)
        let line = try receiveLine(over: &stream, deadline: deadline)
        guard let answer = try? JSONValue(parsing: line), let isOK = answer["ok"]?.bool else {
            throw Failure(description: "\(path): not the control socket of an agent")
        }
        guard isOK else {
            throw Failure(description: answer["error"]?["message"]?.string ?? "refused")
        }
        return answer
    }

    /// The agent accepts quickly; when its queue is full all the same, that passes.
    static func connect(_ path: String, deadline: Instant) throws(Failure) -> UnixStream {
        while true {
            do throws(SystemError) {
                return try UnixStream(connectingTo: path)
            } catch {
                let now = MonotonicClock.now()
                guard error.code == EAGAIN, now < deadline else {
                    throw Failure(
                        description: hint(error, path), isAbsent: error.code == ENOENT || error.code == ECONNREFUSED)
                }
                MonotonicClock.sleep(until: now + .milliseconds(10))
            }
        }
    }

    private static func hint(_ error: SystemError, _ path: String) -> String {
        switch error.code {
        case ENOENT, ECONNREFUSED: "no agent is running here (\(path): \(SystemError.text(error.code)))"
        case EACCES: "\(path): permission denied; join the socket's group, or ask as root"
        default: "\(error)"
        }
    }

    private static func send(_ bytes: [UInt8], over stream: inout UnixStream, deadline: Instant) throws(Failure) {
        var rest = bytes
        while !rest.isEmpty {
            switch stream.send(rest.span) {
            case .transferred(let count): rest.removeFirst(count)
            case .wouldBlock: try wait(stream.descriptor, POLLOUT, deadline)
            case .ended: throw Failure(description: "the agent closed the connection; ask again when it runs")
            case .failed(let error): throw Failure(description: "\(error)")
            }
        }
    }

    private static func receiveLine(over stream: inout UnixStream, deadline: Instant) throws(Failure) -> [UInt8] {
        var reader = LineReader(limit: longestAnswer)
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let result = chunk.withUnsafeMutableBytes { stream.receive(into: $0) }
            switch result {
            case .transferred(let count):
                reader.append(chunk.span.extracting(0..<count))
                guard let line = try? reader.next() else { continue }
                return line
            case .wouldBlock: try wait(stream.descriptor, POLLIN, deadline)
            case .ended: throw Failure(description: "the agent closed the connection; ask again when it runs")
            case .failed(let error): throw Failure(description: "\(error)")
            }
        }
    }

    private static func wait(_ descriptor: Int32, _ events: Int32, _ deadline: Instant) throws(Failure) {
        let remaining = (deadline - MonotonicClock.now()).nanoseconds
        guard remaining > 0 else {
            throw Failure(description: "the agent does not answer; kiosk-agent doctor may say why")
        }
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        _ = poll(&entry, 1, Int32(clamping: (remaining + 999_999) / 1_000_000))
    }
}
