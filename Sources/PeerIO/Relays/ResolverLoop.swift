import Primitives
import Reactor
import Service
import Signaling

/// What the resolver's thread does: it begins lookups, collects what they found, and gives up those that take too long.
struct ResolverLoop {
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

    private let commands: Mailbox<ResolverThread.Command>
    private let answer: @Sendable (ResolverThread.Answer) -> Void

    init(commands: Mailbox<ResolverThread.Command>, answer: @escaping @Sendable (ResolverThread.Answer) -> Void) {
        self.commands = commands
        self.answer = answer
    }

    /// Returns after `stop`.
    mutating func run() {
        var open: [Open] = []
        while true {
            commands.wake.clear()
            let now = MonotonicClock.now()
            while let command = commands.next() {
                switch command {
                case .ask(let question): if let one = begin(question, now: now) { open.append(one) }
                case .stop: return
                }
            }
            collect(&open, now: now)
            guard commands.isEmpty else { continue }
            let earliest = open.map(\.deadline).min()
            Pause.wait(for: commands.wake, atMost: earliest.map { max(.milliseconds(1), $0 - now) })
        }
    }

    /// Reports literal addresses and asks for names.
    private func begin(_ question: ResolverThread.Question, now: Instant) -> Open? {
        var open = Open(
            sessionId: question.sessionId, lookups: [], deadline: now + ResolverLoop.patience)
        for (url, credentials) in question.servers.flatMap(usable).prefix(ResolverLoop.maximumServers) {
            if let literal = IPAddress(url.host)?.unmapped {
                report(url, credentials, at: literal, for: question.sessionId)
            } else if let index = open.lookups.firstIndex(where: { $0.lookup.host == url.host }) {
                open.lookups[index].servers.append((url, credentials))
            } else {
                let lookup = NameLookup.Question(url.host, wake: commands.wake)
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
