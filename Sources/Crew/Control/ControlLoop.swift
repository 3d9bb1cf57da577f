import AgentSettings
import Database
import JSON
import Media
import Primitives
import Reactor
import Service
import Signaling

private let log = Log("control")

/// What the control thread owns and does; the time is asked once per round.
struct ControlLoop: ~Copyable {
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
    /// The requests whose snapshots are being taken, by number, with the `id` that each answer repeats.
    private var snapshots: [UInt64: (request: ControlConnections.Request, id: JSONValue?)]
    private var lastSnapshot: UInt64

    private static let inboxToken = EventLoop.Token(2)
    /// The longest the thread sleeps: what the watchdog counts on.
    private static let longestSleep = Duration.seconds(10)

    init(
        _ listener: consuming UnixSocketListener, outbox: String, badgeReader: AgentConfiguration.BadgeReader?,
        inbox: Mailbox<DeskCommand>, events: Mailbox<DeskEvent>,
        progress: ThreadProgress
    ) throws(SystemError) {
        var loop = try EventLoop()
        try loop.register(inbox.wake.descriptor, token: ControlLoop.inboxToken, for: .readable)
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
        snapshots = [:]
        lastSnapshot = 0
    }

    mutating func run() throws(SystemError) {
        reportState()
        var now = MonotonicClock.now()
        while !isStopping {
            progress.beat(now: now)
            let deadline = now + ControlLoop.longestSleep
            badges.reopen(on: &loop, now: now)
            let next = [crew.nextTimeout, badges.nextTimeout, connections.nextTimeout, deadline].compactMap(\.self)
                .min()
            try loop.wait(until: next)
            now = MonotonicClock.now()
            for event in loop.events {
                if event.token == ControlLoop.inboxToken {
                    inbox.wake.clear()
                    while let command = inbox.next() { handle(command, now: now) }
                } else if event.token == BadgeDesk.token {
                    readBadges(now: now)
                } else {
                    for request in connections.handle(event, on: &loop, now: now) { answer(request, now: now) }
                }
            }
            connections.handleTimeout(on: &loop, now: now)
            crew.handleTimeout(now: now)
            while let event = crew.next(now: now) { events.post(.deliver(event)) }
            reportState()
        }
        connections.closeAll(on: &loop)
    }

    private mutating func handle(_ command: DeskCommand, now: Instant) {
        switch command {
        case .linkRegistered: crew.linkRegistered(now: now)
        case .linkLost: crew.linkLost()
        case .answered(let eventId, let answer):
            crew.answered(eventId: eventId, answer, now: now)
        case .clockOffset(let offset): crew.clockMeasured(offset)
        case .status(let new):
            status = new
            guard connections.hasWatchers else { return }
            var line = JSONObject()
            line["event"] = "status"
            line["status"] = new.json(now: now)
            connections.announce(.object(line), on: &loop)
        case .indicator(let isLive):
            self.isLive = isLive
            connections.announce(["event": "indicator", "live": .bool(isLive)], on: &loop)
        case .snapshot(let number, let result): answer(number, result, now: now)
        case .stop: isStopping = true
        }
    }

    private mutating func answer(_ request: ControlConnections.Request, now: Instant) {
        // Answers keep the order of the requests.
        guard !connections.holdBack(request) else { return }
        var id: JSONValue?
        let reply: JSONValue
        do throws(ControlRequest.Refusal) {
            let line = try request.line.get()
            id = ControlRequest.identifier(line)
            let wanted = try ControlRequest(line)
            if case .snapshot(let format) = wanted { return ask(format, for: request, id) }
            reply = ControlAnswer.ok(try perform(wanted, for: request.connection, now: now), id)
        } catch {
            reply = ControlAnswer.refused(error, id)
        }
        connections.answer(request, reply, on: &loop)
    }

    private mutating func ask(_ format: Snapshot.Format, for request: ControlConnections.Request, _ id: JSONValue?) {
        lastSnapshot += 1
        snapshots[lastSnapshot] = (request, id)
        connections.pause(request.connection, on: &loop)
        events.post(.snapshot(SnapshotRequest(id: lastSnapshot, format: format)))
    }

    private mutating func answer(_ number: UInt64, _ result: Result<Snapshot, SnapshotFailure>, now: Instant) {
        guard let (request, id) = snapshots.removeValue(forKey: number) else { return }
        let reply: JSONValue
        switch result {
        case .success(let snapshot):
            var members = JSONObject()
            members["format"] = .string(snapshot.format.rawValue)
            members["width"] = .integer(snapshot.size.width)
            members["height"] = .integer(snapshot.size.height)
            members["data"] = .string(Base64.encode(snapshot.bytes.span))
            reply = ControlAnswer.ok(members, id)
        case .failure(let failure):
            reply = ControlAnswer.refused(
                ControlRequest.Refusal(code: failure.code.rawValue, message: failure.description), id)
        }
        let heldBack = connections.resume(request.connection)
        connections.answer(request, reply, on: &loop)
        for request in heldBack { answer(request, now: now) }
    }

    private mutating func perform(
        _ request: ControlRequest, for connection: UInt64, now: Instant
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
                members["events"] = .array(try crew.list().map(ControlLoop.json))
                members["waiting"] = .integer(crew.state.waiting)
                members["rejected"] = .integer(crew.state.rejected)
            } catch {
                throw ControlRequest.Refusal(code: "outbox-failed", message: "\(error)")
            }
        case .crewRetry(let eventId):
            members["event"] = try decide(eventId) { try $0.retry(eventId: eventId) }
        case .crewDiscard(let eventId):
            members["event"] = try decide(eventId) { try $0.discard(eventId: eventId) }
        case .snapshot: preconditionFailure("control: a snapshot is answered later")
        case .status, .watch:
            members["status"] = status?.json(now: now) ?? .null
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
        return ControlLoop.json(CrewOutbox.Entry(event: event))
    }

    private mutating func readBadges(now: Instant) {
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
