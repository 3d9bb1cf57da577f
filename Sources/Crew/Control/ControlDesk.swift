public import AgentSettings
internal import Database
internal import Glibc
internal import JSON
internal import Primitives
public import Reactor
internal import Service
public import Signaling
internal import Synchronization

private let log = Log("control")

/// What the control thread is told.
public enum DeskCommand: Sendable {
    /// The server knows the kiosk: waiting crew events may be delivered.
    case linkRegistered
    /// The connection to the server has ended: nothing is delivered until the next `linkRegistered`.
    case linkLost
    /// The server's answer to a crew event that was delivered.
    case answered(eventId: String, Acknowledgement)
    /// The server's clock minus this machine's, as the last heartbeat measured it.
    case clockOffset(Duration)
    /// The status to tell programs that ask or watch, from now on.
    case status(StatusSheet)
    /// Media leaves the kiosk now, or no longer.
    case indicator(isLive: Bool)
    /// Closes the socket and the outbox and ends the thread.
    case stop
}

/// What it reports.
public enum DeskEvent: Sendable {
    /// A crew event to be sent to the server; `answered` follows, or `linkLost`.
    case deliver(CrewEvent)
    /// The state of the outbox has changed.
    case crew(CrewState)
    /// The thread cannot go on.
    case failed(String)
}

/// The control socket for local programs, the outbox and the badge reader, on a thread of their own, because syncing a disk
/// may take seconds and must not delay media.
public final class ControlDesk: Sendable {
    private let inbox: Mailbox<DeskCommand>
    private let events: Mailbox<DeskEvent>
    /// Beats once per round of the loop, and at least every 10 s; the watchdog reads it.
    public let progress: ThreadProgress
    private let thread: Mutex<WorkerThread?>

    /// - Throws: When no mailbox can be made.
    public init(events: Mailbox<DeskEvent>) throws(SystemError) {
        inbox = try Mailbox()
        self.events = events
        progress = ThreadProgress()
        thread = Mutex(nil)
    }

    /// Hands a command to the control thread, from any thread. Before `start` it waits.
    public func post(_ command: DeskCommand) { inbox.post(command) }

    /// Takes the open socket, whose errors ended the start already, and begins.
    ///
    /// - Parameter outbox: the file that keeps crew events; the desk works without them while it cannot be had.
    public func start(
        listener: consuming UnixSocketListener, outbox: String, badgeReader: AgentConfiguration.BadgeReader?
    ) throws(SystemError) {
        let started = try WorkerThread(name: "control", owning: listener) {
            [inbox, events, progress] listener, _ in
            do throws(SystemError) {
                var work = try DeskWork(
                    listener, outbox: outbox, badgeReader: badgeReader, inbox: inbox, events: events, progress: progress
                )
                try work.run()
            } catch {
                events.post(.failed("\(error)"))
            }
            progress.rest()
        }
        thread.withLock { $0 = started }
    }

    /// Closes socket and outbox, ends the thread and waits for it.
    public func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        inbox.post(.stop)
        thread.join()
    }
}

/// What the control thread owns.
private struct DeskWork: ~Copyable {
    private var loop: EventLoop
    private var connections: ControlConnections
    private var crew: CrewDesk
    private let inbox: Mailbox<DeskCommand>
    private let events: Mailbox<DeskEvent>
    private let progress: ThreadProgress
    private var badges: BadgeDesk
    private var status: StatusSheet?
    private var isLive: Bool
    private var lastState: CrewState?
    private var isStopping: Bool

    private static let inboxToken = EventLoop.Token(2)
    /// The longest the thread sleeps: what the watchdog counts on.
    private static let longestSleep = Duration.seconds(10)

    init(
        _ listener: consuming UnixSocketListener, outbox: String, badgeReader: AgentConfiguration.BadgeReader?,
        inbox: Mailbox<DeskCommand>, events: Mailbox<DeskEvent>,
        progress: ThreadProgress
    ) throws(SystemError) {
        var loop = try EventLoop()
        try loop.register(inbox.wake.descriptor, token: DeskWork.inboxToken, for: .readable)
        connections = try ControlConnections(listener: listener, on: &loop)
        self.loop = loop
        crew = CrewDesk(outbox, now: MonotonicClock.now())
        self.inbox = inbox
        self.events = events
        self.progress = progress
        badges = BadgeDesk(badgeReader)
        status = nil
        isLive = false
        lastState = nil
        isStopping = false
    }

    mutating func run() throws(SystemError) {
        reportState()
        while !isStopping {
            let now = MonotonicClock.now()
            progress.beat(now: now)
            let deadline = now + DeskWork.longestSleep
            badges.reopen(on: &loop, now: now)
            let next = [crew.nextTimeout, badges.nextTimeout, connections.nextTimeout, deadline].compactMap(\.self)
                .min()
            try loop.wait(until: next)
            for event in loop.events {
                if event.token == DeskWork.inboxToken {
                    inbox.wake.clear()
                    while let command = inbox.next() { handle(command) }
                } else if event.token == BadgeDesk.token {
                    readBadges()
                } else {
                    for request in connections.handle(event, on: &loop, now: now) { answer(request) }
                }
            }
            let after = MonotonicClock.now()
            connections.handleTimeout(on: &loop, now: after)
            crew.handleTimeout(now: after)
            while let event = crew.next(now: after) { events.post(.deliver(event)) }
            reportState()
        }
        connections.closeAll(on: &loop)
    }

    private mutating func handle(_ command: DeskCommand) {
        switch command {
        case .linkRegistered: crew.linkRegistered(now: MonotonicClock.now())
        case .linkLost: crew.linkLost()
        case .answered(let eventId, let answer):
            crew.answered(eventId: eventId, answer, now: MonotonicClock.now())
        case .clockOffset(let offset): crew.clockMeasured(offset)
        case .status(let new):
            status = new
            guard connections.hasWatchers else { return }
            var line = JSONObject()
            line["event"] = "status"
            line["status"] = new.json(now: MonotonicClock.now())
            connections.announce(.object(line), on: &loop)
        case .indicator(let isLive):
            self.isLive = isLive
            connections.announce(["event": "indicator", "live": .bool(isLive)], on: &loop)
        case .stop: isStopping = true
        }
    }

    private mutating func answer(_ request: ControlConnections.Request) {
        var id: JSONValue?
        let reply: JSONValue
        do throws(ControlRequest.Refusal) {
            let line = try request.line.get()
            id = ControlRequest.identifier(line)
            reply = ControlAnswer.ok(try perform(try ControlRequest(line), for: request.connection), id)
        } catch {
            reply = ControlAnswer.refused(error, id)
        }
        connections.answer(request, reply, on: &loop)
    }

    private mutating func perform(
        _ request: ControlRequest, for connection: UInt64
    ) throws(ControlRequest.Refusal) -> JSONObject {
        var members = JSONObject()
        switch request {
        case .crew(let entry):
            let receipt = try crew.store(entry)
            members["eventId"] = .string(receipt.eventId)
            members["occurredAt"] = .string(receipt.occurredAt)
            if receipt.isRepeated { members["repeated"] = true }
        case .crewList:
            do {
                members["events"] = .array(try crew.list().map(DeskWork.json))
                members["waiting"] = .integer(crew.state.waiting)
                members["rejected"] = .integer(crew.state.rejected)
            } catch {
                throw ControlRequest.Refusal(code: "outbox-failed", message: "\(error)")
            }
        case .crewRetry(let eventId):
            members["event"] = try decide(eventId) { try $0.retry(eventId: eventId) }
        case .crewDiscard(let eventId):
            members["event"] = try decide(eventId) { try $0.discard(eventId: eventId) }
        case .status, .watch:
            members["status"] = status?.json(now: MonotonicClock.now()) ?? .null
            members["live"] = .bool(isLive)
            if request == .watch { connections.watch(connection) }
        }
        return members
    }

    /// What a person decides of an event that the server refused.
    private mutating func decide(
        _ eventId: String, _ decision: (inout CrewDesk) throws -> CrewEvent?
    ) throws(ControlRequest.Refusal) -> JSONValue {
        let event: CrewEvent?
        do {
            event = try decision(&crew)
        } catch {
            throw ControlRequest.Refusal(code: "outbox-failed", message: "\(error)")
        }
        guard let event else {
            throw ControlRequest.Refusal(
                code: "no-such-event", message: "no event that the server refused has this identifier")
        }
        return DeskWork.json(CrewOutbox.Entry(event: event))
    }

    private mutating func readBadges() {
        let now = MonotonicClock.now()
        for crewId in badges.read(on: &loop, now: now) {
            do {
                let last = try crew.lastEvent(of: crewId)
                _ = try crew.store(try CrewEntry(kind: badges.kind(after: last), crewId: crewId))
            } catch {
                log.repeated(.error, "badge", "a badge was read and cannot be stored: \(error)")
            }
        }
    }

    private mutating func reportState() {
        guard crew.state != lastState else { return }
        lastState = crew.state
        events.post(.crew(crew.state))
    }

    private static func json(_ entry: CrewOutbox.Entry) -> JSONValue {
        let event = entry.event
        var object = JSONObject()
        object["event"] = .string(event.kind.rawValue)
        object["eventId"] = .string(event.eventId)
        object["crewId"] = .string(event.crewId)
        object["name"] = event.name.map(JSONValue.string)
        object["role"] = event.role.map(JSONValue.string)
        object["train"] = event.train.map(JSONValue.string)
        object["occurredAt"] = .string(event.occurredAt)
        object["clock"] = event.clock.map { .string($0.rawValue) }
        object["rejection"] = entry.rejection.map(JSONValue.string)
        return .object(object)
    }
}
