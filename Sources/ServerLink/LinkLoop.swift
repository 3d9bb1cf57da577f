import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor
import Service
import Signaling

private let log = Log("signaling")

/// What the signaling thread does: it performs what `LinkMachine` wants, and tells it what the network and the agent say.
struct LinkLoop: ~Copyable {
    /// What the client has under way.
    private enum Line {
        case none
        case request(RequestID)
        case socket(ConnectionID)
    }

    private var configuration: AgentConfiguration
    private let client: HTTPClient
    private let commands: Mailbox<LinkCommand>
    private let events: Mailbox<LinkEvent>
    private let progress: ThreadProgress
    private var machine: LinkMachine
    private var line: Line

    /// - Parameter commands: what wakes it wakes the client.
    init(
        _ configuration: AgentConfiguration, client: HTTPClient, commands: Mailbox<LinkCommand>,
        events: Mailbox<LinkEvent>, progress: ThreadProgress
    ) {
        self.configuration = configuration
        self.client = client
        self.commands = commands
        self.events = events
        self.progress = progress
        machine = LinkMachine(
            LinkMachine.Identity(
                kioskId: configuration.kiosk.id, server: configuration.server, hostname: HostName.current,
                hasMicrophone: configuration.microphone.device != "none",
                passwordIsOfTheStart: Credentials.path("password") != nil), random: .system)
        line = .none
    }

    /// Returns after `stop`, when goodbye is said.
    mutating func run() {
        var now = Moment.now
        machine.started(now: now)
        perform(now: now)
        while !machine.isFinished {
            let wait = machine.nextTimeout.map { max(.zero, $0 - now.instant) } ?? LinkThread.longestSleep
            client.service(for: min(wait, LinkThread.longestSleep))
            now = Moment.now
            progress.beat(now: now.instant)
            while let event = client.nextEvent() {
                handle(event, now: now)
                perform(now: now)
            }
            while let command = commands.next() {
                if case .passwordFile(let file) = command { configuration.kiosk.passwordFile = file }
                machine.handle(command, own: ownAddress, now: now)
                perform(now: now)
            }
            machine.handleTimeout(now: now)
            perform(now: now)
        }
    }

    private var ownAddress: IPAddress? {
        switch line {
        case .none: nil
        case .request(let id): client.localAddress(of: id)?.address
        case .socket(let id): client.localAddress(of: id)?.address
        }
    }

    private mutating func handle(_ event: HTTPClientEvent, now: Moment) {
        switch (event, line) {
        case (.response(let id, let response), .request(let own)) where id == own:
            line = .none
            machine.responded(response, now: now)
        case (.requestFailed(let id, let failure), .request(let own)) where id == own:
            line = .none
            machine.requestFailed(failure, now: now)
        case (.webSocketOpened(let id), .socket(let own)) where id == own: machine.webSocketOpened(now: now)
        case (.webSocketFailed(let id, let failure), .socket(let own)) where id == own:
            line = .none
            machine.webSocketFailed(failure, now: now)
        case (.message(let id, let message), .socket(let own)) where id == own:
            machine.webSocketReceived(message, now: now)
        case (.webSocketClosed(let id, _), .socket(let own)) where id == own:
            line = .none
            machine.webSocketClosed(now: now)
        // Of what is not under way any more.
        case (.response, _), (.requestFailed, _), (.webSocketOpened, _), (.webSocketFailed, _), (.message, _),
            (.webSocketClosed, _):
            break
        case (.woken, _): break
        }
    }

    private mutating func perform(now: Moment) {
        while let action = machine.pollAction() {
            switch action {
            case .readPassword: readPassword(now: now)
            case .request(let path, let body):
                line = .request(
                    client.start(
                        HTTPClientRequest(
                            .post, url: configuration.server.url(path),
                            headers: [HTTPHeader("Content-Type", "application/json")], body: body.jsonText)))
            case .cancelRequest:
                if case .request(let id) = line { client.cancel(id) }
                line = .none
            case .openWebSocket(let path):
                line = .socket(client.openWebSocket(url: configuration.server.webSocketURL(path)))
            case .send(let message): if case .socket(let id) = line { client.send(message, on: id) }
            case .closeWebSocket: if case .socket(let id) = line { client.close(id, code: .normal) }
            case .abandonWebSocket:
                if case .socket(let id) = line { client.close(id, code: .normal) }
                line = .none
            case .report(let event):
                note(event)
                events.post(event)
            case .logRefusal(let error, let event):
                log.repeated(
                    .warning, "refused", "the server refused \(event): \(error.message)",
                    [LogField("CODE", error.code.rawValue)])
            case .logUnreadable(let why):
                log.repeated(.warning, "server-event", "an event of the server cannot be understood: \(why)")
            }
        }
    }

    /// Read each time: a corrected file heals without a restart.
    private mutating func readPassword(now: Moment) {
        do {
            machine.passwordRead(try configuration.readPassword(), now: now)
        } catch {
            machine.passwordUnreadable(error.description, now: now)
        }
    }

    private func note(_ event: LinkEvent) {
        switch event {
        case .registered: log.notice("registered with \(configuration.server) as \(configuration.kiosk.id)")
        case .phaseChanged(.waiting(let trouble, let delay)):
            let next = delay < .seconds(1) ? "at once" : "in \(Int(delay.seconds.rounded())) s"
            log.warning("\(trouble); next attempt \(next)", [LogField("TROUBLE", trouble.kind.rawValue)])
        case .phaseChanged, .server, .crewAnswered, .clockOffset, .impossible: break
        }
    }
}
