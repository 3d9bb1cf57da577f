import Primitives
import Reactor
import Service
import Signaling
import Synchronization

/// Finds the addresses of STUN and TURN servers on threads of their own, because the system's resolver blocks. All names
/// are asked for at once, and each address is reported at once: a name without an answer delays no other server.
final class ICEServerResolver: Sendable {
    struct Question: Sendable {
        var sessionId: String
        var servers: [ICEServer]
    }

    enum Answer: Sendable {
        case server(sessionId: String, ResolvedICEServer)
        /// Nothing more will come of this question.
        case finished(sessionId: String)
    }

    /// A question with names that are still being looked up.
    private struct Open {
        var sessionId: String
        var lookups: [(lookup: NameLookup.Question, servers: [(ICEServerURL, ResolvedICEServer.Credentials?)])]
        var deadline: Instant
    }

    private static let log = Log("network")
    private static let patience = Duration.seconds(5)
    /// The most servers of a session that are used.
    private static let maximumServers = 16

    private let questions: Mailbox<Question>
    private let answer: @Sendable (Answer) -> Void
    private let thread: Mutex<WorkerThread?>

    init(answer: @escaping @Sendable (Answer) -> Void) throws(SystemError) {
        questions = try Mailbox()
        self.answer = answer
        thread = Mutex(nil)
    }

    func start() throws(SystemError) {
        let started = try WorkerThread(name: "resolver") { [self] stop in
            var open: [Open] = []
            while !stop.isRequested {
                questions.wake.clear()
                while let question = questions.next() { if let one = begin(question) { open.append(one) } }
                collect(&open, now: MonotonicClock.now())
                guard questions.isEmpty, !stop.isRequested else { continue }
                let earliest = open.map(\.deadline).min()
                Pause.wait(
                    for: questions.wake, atMost: earliest.map { max(.milliseconds(1), $0 - MonotonicClock.now()) })
            }
        }
        thread.withLock { $0 = started }
    }

    /// An empty list is finished at once.
    func ask(_ question: Question) {
        if question.servers.isEmpty {
            answer(.finished(sessionId: question.sessionId))
        } else {
            questions.post(question)
        }
    }

    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        thread.requestStop()
        questions.wake.signal()
        thread.join()
    }

    /// Reports literal addresses and asks for names.
    private func begin(_ question: Question) -> Open? {
        var open = Open(
            sessionId: question.sessionId, lookups: [], deadline: MonotonicClock.now() + ICEServerResolver.patience)
        for (url, credentials) in question.servers.flatMap(usable).prefix(ICEServerResolver.maximumServers) {
            if let literal = IPAddress(url.host)?.unmapped {
                report(url, credentials, at: literal, for: question.sessionId)
            } else if let index = open.lookups.firstIndex(where: { $0.lookup.host == url.host }) {
                open.lookups[index].servers.append((url, credentials))
            } else {
                let lookup = NameLookup.Question(url.host, wake: questions.wake)
                open.lookups.append((lookup, [(url, credentials)]))
                lookup.begin()
            }
        }
        guard open.lookups.isEmpty else { return open }
        answer(.finished(sessionId: question.sessionId))
        return nil
    }

    private func collect(_ open: inout [Open], now: Instant) {
        for index in open.indices {
            let (sessionId, deadline) = (open[index].sessionId, open[index].deadline)
            open[index].lookups.removeAll { entry in
                let host = entry.lookup.host
                switch entry.lookup.answer {
                case .found(let texts):
                    // The first address of each family: more would only repeat the same server.
                    let found = texts.compactMap { IPAddress($0) }
                    for address in [found.first { $0.isIPv4 }, found.first { !$0.isIPv4 }].compactMap(\.self) {
                        for (url, credentials) in entry.servers {
                            report(url, credentials, at: address, for: sessionId)
                        }
                    }
                case .failed(let why): Self.log.repeated(.warning, "ice-server", "ice server \(host) not found: \(why)")
                case .noAnswer, nil:
                    guard deadline <= now else { return false }
                    Self.log.repeated(
                        .warning, "ice-server", "ice server \(host): no answer from the name server")
                }
                return true
            }
        }
        for one in open where one.lookups.isEmpty { answer(.finished(sessionId: one.sessionId)) }
        open.removeAll { $0.lookups.isEmpty }
    }

    private func usable(_ server: ICEServer) -> [(ICEServerURL, ResolvedICEServer.Credentials?)] {
        server.urls.compactMap { text in
            guard let url = ICEServerURL(text) else {
                Self.log.repeated(.warning, "ice-server", "ice server not understood: \(text)")
                return nil
            }
            guard url.scheme != .stun else { return (url, nil) }
            guard let username = server.username, let password = server.credential else {
                Self.log.repeated(.warning, "ice-server", "turn server without credentials: \(text)")
                return nil
            }
            return (url, ResolvedICEServer.Credentials(username: username, password: Redacted(password)))
        }
    }

    private func report(
        _ url: ICEServerURL, _ credentials: ResolvedICEServer.Credentials?, at address: IPAddress, for sessionId: String
    ) {
        let server = ResolvedICEServer(
            host: url.host, address: SocketAddress(address: address, port: url.port), transport: url.transport,
            credentials: credentials)
        answer(.server(sessionId: sessionId, server))
    }
}
