import Glibc
public import Primitives
import Synchronization

/// Asks the system's resolver, which knows no deadline, without waiting for ever.
public enum NameLookup {
    /// Addresses as text, the resolver's words, or neither before the deadline.
    public enum Answer: Equatable, Sendable {
        case found([String])
        case failed(String)
        case noAnswer
    }

    /// Waits on the calling thread, at most until `deadline`, for IPv4 and IPv6 addresses in the resolver's order.
    public static func addresses(of host: String, deadline: Instant) -> Answer {
        guard let wake = try? WakeFD() else { return .failed("out of resources") }
        let question = Question(host, wake: wake)
        question.begin()
        while true {
            if let answer = question.answer { return answer }
            let now = MonotonicClock.now()
            guard now < deadline else { return .noAnswer }
            Pause.wait(for: wake, atMost: deadline - now)
        }
    }

    /// One question, asked on a thread of its own that is never joined.
    public final class Question: Sendable {
        /// The name that is looked up.
        public let host: String
        private let wake: WakeFD
        private let result = Mutex<Answer?>(nil)

        /// - Parameter wake: signaled when there is an answer.
        public init(_ host: String, wake: WakeFD) {
            self.host = host
            self.wake = wake
        }

        /// Nil until it is there; then it stays.
        public var answer: Answer? { result.withLock { $0 } }

        /// Asks. Call it once.
        public func begin() {
            // Nobody waits for it: the resolver may take longer than anybody waits.
            do throws(SystemError) {
                try BackgroundThread.start(name: "name lookup") { [self] in answered(resolve()) }
            } catch {
                answered(.failed("out of resources"))
            }
        }

        private func answered(_ answer: Answer) {
            result.withLock { $0 = answer }
            wake.signal()
        }

        private func resolve() -> Answer {
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            let code = getaddrinfo(host, nil, &hints, &list)
            guard code == 0 else { return .failed(String(cString: gai_strerror(code)).lowercased()) }
            defer { freeaddrinfo(list) }
            var found: [String] = []
            var cursor = list
            while let entry = cursor {
                cursor = entry.pointee.ai_next
                var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                guard
                    getnameinfo(
                        entry.pointee.ai_addr, entry.pointee.ai_addrlen, &name, socklen_t(name.count), nil, 0,
                        NI_NUMERICHOST) == 0
                else { continue }
                found.append(String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
            return .found(found)
        }
    }
}
