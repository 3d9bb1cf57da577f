import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

/// Two nodes, a bus between them that delays, repeats and loses, and clients that move from one node to the other, in virtual time.
@Suite struct TwoHubsTests {
    @Test(arguments: 0..<UInt64(24)) func whateverTheBusDoesThePromisesHold(seed: UInt64) {
        var course = TwoHubs(seed: seed, loss: 0.2)
        course.run(steps: 500)
        course.comeToRest()
    }

    @Test func onAPerfectBusAMonitorWatchesAKioskOfTheOtherNode() {
        var course = TwoHubs(seed: 1, loss: 0)
        course.wait(.seconds(3))
        course.connectKiosk(0, to: 0, carrying: [])
        course.connectMonitor(0, to: 1)
        course.wait(.seconds(1))
        course.send(course.monitors[0].place, "start-monitoring", ["kioskId": "K1"])
        course.wait(.seconds(1))
        #expect(course.monitors[0].sessions.count == 1)
        #expect(course.kiosks[0].sessions == Set(course.monitors[0].sessions.keys))
        let id = course.monitors[0].sessions.keys.first ?? ""
        #expect(course.hubs[0].sessions[id] != nil && course.hubs[1].sessions.count == 0)
        course.send(course.monitors[0].place, "offer", TwoHubs.offer)
        course.wait(.seconds(1))
        #expect(course.hubs[0].sessions[id]?.isNegotiated == true, "the answer found its way back")

        // The kiosk comes back at the other node: its session follows it.
        course.loseKiosk(0, isNoticed: true)
        course.connectKiosk(0, to: 1, carrying: course.kiosks[0].sessions.sorted())
        course.wait(.seconds(1))
        #expect(course.hubs[0].sessions.count == 0 && course.hubs[1].sessions[id]?.isNegotiated == true)
        #expect(course.ended.isEmpty)

        course.send(course.monitors[0].place, "stop-monitoring", ["kioskId": "K1"])
        course.wait(.seconds(1))
        #expect(course.kiosks[0].sessions.isEmpty && course.monitors[0].sessions.isEmpty)
        #expect(course.ended == [id])
    }

    @Test func aKioskOfANodeThatDoesNotAnswerIsRefusedUntilItMustBeFree() {
        var course = TwoHubs(seed: 1, loss: 0)
        course.wait(.seconds(3))
        course.connectKiosk(0, to: 0, carrying: [])
        course.connectMonitor(0, to: 1)
        course.wait(.seconds(1))
        course.isCut = true
        course.wait(.seconds(10))
        course.send(course.monitors[0].place, "start-monitoring", ["kioskId": "K1"])
        #expect(course.refusals == ["internal-error"])
        course.loseKiosk(0, isNoticed: true)
        course.connectKiosk(0, to: 1, carrying: [])
        course.send(course.monitors[0].place, "start-monitoring", ["kioskId": "K1"])
        #expect(course.refusals == ["internal-error", "internal-error"])
        course.wait(.seconds(120))
        course.send(course.monitors[0].place, "start-monitoring", ["kioskId": "K1"])
        #expect(course.monitors[0].sessions.count == 1)
    }

    @Test func monitorsOfBothNodesSeeTheSameList() {
        var course = TwoHubs(seed: 1, loss: 0)
        course.wait(.seconds(3))
        course.connectKiosk(0, to: 0, carrying: [])
        course.connectKiosk(1, to: 1, carrying: [])
        course.connectMonitor(0, to: 0)
        course.wait(.seconds(1))
        course.send(course.monitors[0].place, "start-monitoring", ["kioskId": "K2"])
        course.wait(.seconds(1))
        let lists = course.hubs.map {
            $0.kioskList(of: "west").map { "\($0.kioskId) \($0.online) \($0.monitoredBy ?? "-")" }
        }
        #expect(lists[0] == ["K1 true -", "K2 true M1"])
        #expect(lists[1] == lists[0])
        course.isCut = true
        course.wait(.seconds(10))
        #expect(course.hubs[0].kioskList(of: "west").map(\.online) == [true, false])
    }
}

private struct Place: Hashable {
    var node: Int
    var socket: SocketID
}

private struct TwoHubs {
    struct Kiosk {
        let id: String
        var place: Place?
        /// Those it has heard to have started, and not to have ended.
        var sessions: Set<String> = []
        var heartbeatAt: Instant = .zero
    }

    struct Monitor {
        let id: String
        var place: Place?
        /// Sessions by their kiosk.
        var sessions: [String: String] = [:]
    }

    static let offer: JSONValue = ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]]
    static let nodes = [NodeID(rawValue: "A"), NodeID(rawValue: "B")]

    var hubs: [Hub]
    var links: [NodeLink]
    var now = start
    var random: RandomSource
    var kiosks = [Kiosk(id: "K1"), Kiosk(id: "K2")]
    var monitors = [Monitor(id: "M1"), Monitor(id: "M2")]
    /// Everything that the two halves of the bus hold.
    private var bus: [(at: Instant, to: Int, frame: NodeLink.Frame)] = []
    private let loss: Double
    private var outageEnds = Instant.zero
    var isCut = false
    private var nextSocket: UInt64 = 0
    private var nextAcknowledgement = 0
    /// What a registration carried, by its acknowledgement.
    private var registrations: [Int: [String]] = [:]
    /// Sockets that are dead without their node having noticed.
    private var dead: [(at: Instant, place: Place)] = []
    private var began: Set<String> = []
    private(set) var ended: Set<String> = []
    private(set) var refusals: [String] = []

    init(seed: UInt64, loss: Double) {
        random = .seeded(seed)
        self.loss = loss
        hubs = []
        links = []
        let accounts = [account("K1"), account("K2"), account("M1", .monitor), account("M2", .monitor)]
        for (index, node) in Self.nodes.enumerated() {
            var hub = Hub(
                Hub.Settings(), random: .seeded(seed &* 2 &+ UInt64(index)), node: node, others: [Self.nodes[1 - index]]
            )
            hub.directoryChanged(Directory.Snapshot(accounts: accounts, revokedFamilies: []), now: start)
            hubs.append(hub)
            links.append(NodeLink(start: 1, now: start.instant))
        }
    }

    // MARK: The bus

    private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }

    private mutating func put(_ frame: NodeLink.Frame, from node: Int) {
        guard !isCut, now.instant >= outageEnds, !chance(loss) else { return }
        for _ in 0..<(loss > 0 && chance(0.2) ? 2 : 1) {
            let delay = Duration.milliseconds(loss > 0 ? Int.random(in: 1...400, using: &random) : 10)
            bus.append((now.instant + delay, 1 - node, frame))
        }
    }

    private mutating func settleDown() {
        var isBusy = true
        while isBusy {
            isBusy = false
            for node in 0...1 {
                for event in links[node].takeEvents() {
                    isBusy = true
                    let other = Self.nodes[1 - node]
                    switch event {
                    case .joined: hubs[node].nodeJoined(other, now: now)
                    case .left(let undelivered): hubs[node].nodeLeft(other, undelivered: undelivered, now: now)
                    case .received(let message): hubs[node].received(message, from: other, now: now)
                    }
                }
                for action in hubs[node].takeActions() {
                    isBusy = true
                    perform(action, at: node)
                }
                for frame in links[node].takeFrames() { put(frame, from: node) }
            }
        }
        check()
    }

    private mutating func perform(_ action: Hub.Action, at node: Int) {
        switch action {
        case .emit(let event, let socket): hear(event, at: Place(node: node, socket: socket))
        case .emitWithICEServers(let event, _, let socket):
            hear(event.event(iceServers: []), at: Place(node: node, socket: socket))
        case .acknowledge(let socket, let id, .ok(let details)):
            guard let carried = registrations.removeValue(forKey: id.rawValue),
                let index = monitors.firstIndex(where: { $0.place == Place(node: node, socket: socket) })
            else { return }
            let going = details["sessions"]?.array?.compactMap(\.string) ?? []
            for id in carried where !going.contains(id) { monitors[index].sessions[id] = nil }
        case .acknowledge(_, _, .refused(let error, _)): refusals.append(error.code.rawValue)
        case .disconnect(let socket):
            let place = Place(node: node, socket: socket)
            for index in kiosks.indices where kiosks[index].place == place { kiosks[index].place = nil }
            for index in monitors.indices where monitors[index].place == place { monitors[index].place = nil }
        case .store(.sessionBegan(let session)):
            #expect(began.insert(session.id).inserted)
            hubs[node].sessionStored(session.id)
        case .store(.sessionEnded(let id, _, _, _)):
            #expect(ended.insert(id).inserted, "a session ends once")
        case .send(let message, let other):
            #expect(other == Self.nodes[1 - node])
            links[node].send(message, now: now.instant)
        case .store, .accept, .refuse, .broadcast, .note: break
        }
    }

    // MARK: The clients

    private mutating func hear(_ event: ServerEvent, at place: Place) {
        if let index = kiosks.firstIndex(where: { $0.place == place }) {
            switch event {
            case .monitoringStartedForKiosk(_, let id, _): kiosks[index].sessions.insert(id)
            case .monitoringStopped(_, let id, _): kiosks[index].sessions.remove(id)
            case .offer(let monitor, let id, _):
                send(
                    place, "answer",
                    [
                        "targetId": .string(monitor), "sessionId": .string(id),
                        "answer": ["type": "answer", "sdp": "v=0"],
                    ])
            default: break
            }
        } else if let index = monitors.firstIndex(where: { $0.place == place }) {
            switch event {
            case .monitoringStartedForMonitor(let kiosk, let id, _): monitors[index].sessions[id] = kiosk
            case .monitoringStopped(_, let id, _): monitors[index].sessions[id] = nil
            default: break
            }
        }
    }

    mutating func send(_ place: Place?, _ name: String, _ payload: JSONValue) {
        guard let place else { return }
        nextAcknowledgement += 1
        if name == "register-monitor" {
            registrations[nextAcknowledgement] = payload["sessions"]?.array?.compactMap(\.string) ?? []
        }
        hubs[place.node].received(
            SocketIOEvent(
                name: name, arguments: [payload], acknowledgement: AcknowledgementID(rawValue: nextAcknowledgement)),
            from: place.socket, now: now)
        settleDown()
    }

    private mutating func connect(_ id: String, to node: Int) -> Place {
        nextSocket += 1
        let socket = SocketID(rawValue: nextSocket)
        let role: Role = id.hasPrefix("K") ? .kiosk : .monitor
        hubs[node].connecting(
            socket,
            TokenClaims(
                subject: id, role: role, organization: "west", issuedAt: now.wall, expiresAt: now.wall, tokenId: "t",
                family: "f", generation: 7), address: nil, now: now)
        return Place(node: node, socket: socket)
    }

    private static func list(_ ids: [String]) -> JSONValue { .array(ids.map { .string($0) }) }

    mutating func connectKiosk(_ index: Int, to node: Int, carrying carried: [String]) {
        guard kiosks[index].place == nil else { return }
        kiosks[index].sessions = Set(carried)
        let place = connect(kiosks[index].id, to: node)
        kiosks[index].place = place
        kiosks[index].heartbeatAt = now.instant + .seconds(30)
        send(place, "register-kiosk", ["sessions": Self.list(carried)])
    }

    mutating func connectMonitor(_ index: Int, to node: Int) {
        guard monitors[index].place == nil else { return }
        let place = connect(monitors[index].id, to: node)
        monitors[index].place = place
        send(
            place, "register-monitor",
            [
                "clientId": .string("page of \(monitors[index].id)"),
                "sessions": Self.list(monitors[index].sessions.keys.sorted()),
            ])
    }

    private mutating func lose(_ place: Place?, isNoticed: Bool) {
        guard let place else { return }
        if isNoticed {
            hubs[place.node].disconnected(place.socket, now: now)
        } else {
            dead.append((now.instant + .seconds(45), place))
        }
        settleDown()
    }

    mutating func loseKiosk(_ index: Int, isNoticed: Bool) {
        let place = kiosks[index].place
        kiosks[index].place = nil
        lose(place, isNoticed: isNoticed)
    }

    private mutating func loseMonitor(_ index: Int, isNoticed: Bool) {
        let place = monitors[index].place
        monitors[index].place = nil
        lose(place, isNoticed: isNoticed)
    }

    // MARK: Time

    mutating func wait(_ duration: Duration) {
        let end = now.instant + duration
        while now.instant < end {
            now = Moment(instant: now.instant + .milliseconds(50), wall: now.wall + .milliseconds(50))
            for node in 0...1 {
                links[node].handleTimeout(now: now.instant)
                hubs[node].handleTimeout(now: now)
            }
            let arrived = bus.filter { $0.at <= now.instant }.sorted { $0.at < $1.at }
            bus.removeAll { $0.at <= now.instant }
            for entry in arrived { links[entry.to].received(entry.frame, now: now.instant) }
            for entry in dead where entry.at <= now.instant {
                hubs[entry.place.node].disconnected(entry.place.socket, now: now)
            }
            dead.removeAll { $0.at <= now.instant }
            settleDown()
            for kiosk in kiosks where kiosk.place != nil && kiosk.heartbeatAt <= now.instant {
                send(kiosk.place, "heartbeat-ping", ["status": [:]])
            }
            for index in kiosks.indices where kiosks[index].heartbeatAt <= now.instant {
                kiosks[index].heartbeatAt = now.instant + .seconds(30)
            }
        }
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps {
            let (index, node) = (Int.random(in: 0...1, using: &random), Int.random(in: 0...1, using: &random))
            let place = monitors[index].place
            let kioskId = kiosks.randomElement(using: &random)!.id
            switch Int.random(in: 0..<14, using: &random) {
            case 0, 1:
                // One that was started again carries nothing.
                let carried = chance(0.3) ? [] : kiosks[index].sessions.sorted()
                connectKiosk(index, to: node, carrying: carried)
            case 2: if chance(0.5) { loseKiosk(index, isNoticed: chance(0.7)) }
            case 3, 4: connectMonitor(index, to: node)
            case 5: if chance(0.5) { loseMonitor(index, isNoticed: chance(0.7)) }
            case 6, 7, 8: send(place, "start-monitoring", ["kioskId": .string(kioskId)])
            case 9: send(place, "stop-monitoring", ["kioskId": .string(kioskId)])
            case 10, 11:
                send(place, "offer", ["targetId": .string(kioskId), "offer": ["type": "offer", "sdp": "v=0"]])
            case 12:
                if chance(0.15) {
                    outageEnds = now.instant + .milliseconds(Int.random(in: 100...20_000, using: &random))
                }
            default: break
            }
            wait(.milliseconds(Int.random(in: 50...2_000, using: &random)))
        }
    }

    /// Everybody is connected and nobody does anything: then all agree on what goes on. Then nothing goes on.
    mutating func comeToRest() {
        outageEnds = now.instant
        for index in 0...1 {
            connectKiosk(index, to: index, carrying: kiosks[index].sessions.sorted())
            connectMonitor(index, to: 1 - index)
        }
        wait(.seconds(150))
        for index in 0...1 {
            // A kiosk or a monitor whose socket was taken for a newer one's comes back.
            connectKiosk(index, to: index, carrying: kiosks[index].sessions.sorted())
            connectMonitor(index, to: 1 - index)
        }
        wait(.seconds(70))
        let live = hubs.flatMap { Array($0.sessions.all) }
        for kiosk in kiosks { #expect(kiosk.sessions == Set(live.filter { $0.kioskId == kiosk.id }.map(\.id))) }
        for monitor in monitors {
            #expect(Set(monitor.sessions.keys) == Set(live.filter { $0.monitorId == monitor.id }.map(\.id)))
        }
        #expect(began == ended.union(live.map(\.id)))
        #expect(ended.isDisjoint(with: live.map(\.id)))
        for monitor in monitors {
            for kiosk in monitor.sessions.values { send(monitor.place, "stop-monitoring", ["kioskId": .string(kiosk)]) }
        }
        wait(.seconds(5))
        #expect(hubs.allSatisfy { $0.sessions.count == 0 })
        #expect(kiosks.allSatisfy(\.sessions.isEmpty) && monitors.allSatisfy(\.sessions.isEmpty))
        #expect(began == ended && !began.isEmpty)
    }

    private func check() {
        for kiosk in kiosks {
            let owners = hubs.filter { $0.sessions.session(ofKiosk: kiosk.id) != nil }
            #expect(owners.count <= 1, "two live sessions of one kiosk")
            #expect(
                owners.allSatisfy { $0.owned.holds(kiosk.id) }, "a session at a node that does not own its kiosk")
        }
    }
}
