import Primitives
import Reactor
import Service
import Signaling
import Synchronization

/// Finds the addresses of STUN and TURN servers on a thread of its own, because the system's resolver blocks. Whatever is
/// found is reported at once; a name that nobody answers for costs nothing but its own server.
final class ICEServerResolver: Sendable {
    struct Question: Sendable {
        var sessionId: String
        var servers: [ICEServer]
    }

    private static let log = Log("network")
    private static let patience = Duration.seconds(5)

    private let questions: Mailbox<Question>
    private let answer: @Sendable (_ sessionId: String, ResolvedICEServer) -> Void
    private let thread: Mutex<WorkerThread?>

    init(answer: @escaping @Sendable (_ sessionId: String, ResolvedICEServer) -> Void) throws(SystemError) {
        questions = try Mailbox()
        self.answer = answer
        thread = Mutex(nil)
    }

    func start() throws(SystemError) {
        let started = try WorkerThread(name: "resolver") { [self] stop in
            while !stop.isRequested {
                questions.wake.clear()
                while let question = questions.next(), !stop.isRequested { resolve(question) }
                if !stop.isRequested { Pause.wait(for: questions.wake) }
            }
        }
        thread.withLock { $0 = started }
    }

    func ask(_ question: Question) { if !question.servers.isEmpty { questions.post(question) } }

    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        thread.requestStop()
        questions.wake.signal()
        thread.join()
    }

    private func resolve(_ question: Question) {
        for server in question.servers {
            for text in server.urls { resolve(text, of: server, for: question.sessionId) }
        }
    }

    private func resolve(_ text: String, of server: ICEServer, for sessionId: String) {
        guard let url = ICEServerURL(text) else {
            Self.log.repeated(.warning, "ice-server", "ice server not understood: \(text)")
            return
        }
        var credentials: ResolvedICEServer.Credentials?
        if url.scheme != .stun {
            // Over TCP and TLS a relay is not used yet.
            guard url.isUDP else { return }
            guard let username = server.username, let password = server.credential else {
                Self.log.repeated(.warning, "ice-server", "turn server without credentials: \(text)")
                return
            }
            credentials = ResolvedICEServer.Credentials(username: username, password: Redacted(password))
        }
        for address in addresses(of: url.host) {
            answer(
                sessionId,
                ResolvedICEServer(
                    address: SocketAddress(address: address, port: url.port), credentials: credentials))
        }
    }

    /// The first address of each family: more would only repeat the same server.
    private func addresses(of host: String) -> [IPAddress] {
        if let literal = IPAddress(host) { return [literal] }
        let deadline = MonotonicClock.now() + Self.patience
        switch NameLookup.addresses(of: host, deadline: deadline) {
        case .found(let texts):
            let found = texts.compactMap { IPAddress($0) }
            return [found.first { $0.isIPv4 }, found.first { !$0.isIPv4 }].compactMap(\.self)
        case .failed(let why): Self.log.repeated(.warning, "ice-server", "ice server \(host) not found: \(why)")
        case .noAnswer: Self.log.repeated(.warning, "ice-server", "ice server \(host): no answer from the name server")
        }
        return []
    }
}
