import Primitives
import Reactor
import Signaling

/// Finds the addresses of STUN and TURN servers on threads of their own, because the system's resolver blocks. All names
/// are asked for at once, and each address is reported at once: a name without an answer delays no other server.
final class ResolverThread: Sendable {
    struct Question: Sendable {
        var sessionId: String
        var servers: [ICEServer]
    }

    enum Command: Sendable {
        case ask(Question)
        case stop
    }

    enum Answer: Sendable {
        case server(sessionId: String, ResolvedICEServer)
        /// Nothing more will come of this question.
        case finished(sessionId: String)
    }

    private let thread: LoopThread<Command>
    private let answer: @Sendable (Answer) -> Void

    init(answer: @escaping @Sendable (Answer) -> Void) throws(SystemError) {
        thread = try LoopThread(name: "resolver", last: .stop)
        self.answer = answer
    }

    func start() throws(SystemError) {
        try thread.start { [answer] commands, _ in
            var loop = ResolverLoop(commands: commands, answer: answer)
            loop.run()
        }
    }

    /// An empty list is finished at once.
    func ask(_ question: Question) {
        if question.servers.isEmpty {
            answer(.finished(sessionId: question.sessionId))
        } else {
            thread.post(.ask(question))
        }
    }

    func stop() { thread.stop() }
}
