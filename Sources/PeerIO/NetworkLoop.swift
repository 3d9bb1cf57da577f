import Media
import Peer
import Primitives
import Reactor
import Service
import Signaling

/// What the network thread works with, whatever sessions it carries.
struct NetworkResources: Sendable {
    let interfaces: InterfaceFilter
    /// Nil where TURN over TLS is not possible.
    let trust: RelayTrust?
    /// One for each session that may be open.
    let pools: [PacketPool]
    let events: Mailbox<PeerEvent>
    let hub: MediaHub
    /// Whose media the sessions carry; nil: each its own.
    let lease: Lease?
    /// Signaled when a frame has come for a session.
    let readable: WakeFD
    let tally: MediaTally
}

/// What the network thread does: it waits, tells the sessions what happened and hands each what is posted for it.
struct NetworkLoop: ~Copyable {
    private static let log = Log("network")
    /// The beat needs a round now and then even when nothing happens.
    private static let longestWait = Duration.seconds(1)

    /// What is known of a session.
    private enum Place {
        case open(PeerSlot)
        /// Its peer connection ended by itself, until it begins anew or is ended: its supervisor may not know yet.
        case over(sessionId: String)

        var sessionId: String {
            switch self {
            case .open(let slot): slot.id
            case .over(let sessionId): sessionId
            }
        }
    }

    private let resources: NetworkResources
    private let commands: Mailbox<PeerCommand>
    private let progress: ThreadProgress
    private let registry: SocketRegistry
    /// In the order in which the sessions began; at most as many as there are pools.
    private var places: [Place]
    private var isRunning: Bool

    /// - Parameter commands: their mailbox wakes the same reader as `NetworkResources.readable`.
    init(
        _ resources: NetworkResources, commands: Mailbox<PeerCommand>, progress: ThreadProgress
    ) throws(SystemError) {
        // First what can throw: a half-made loop could not be taken apart.
        registry = try SocketRegistry(wokenBy: commands.wake)
        self.resources = resources
        self.commands = commands
        self.progress = progress
        places = []
        isRunning = true
    }

    /// Returns after `shutdown`.
    mutating func run() throws(SystemError) {
        var now = MonotonicClock.now()
        while isRunning {
            progress.beat(now: now)
            try registry.wait(until: nextTimeout(atMost: now + NetworkLoop.longestWait))
            now = MonotonicClock.now()
            for event in registry.events {
                if event.token == SocketRegistry.wakeToken {
                    commands.wake.clear()
                    takeCommands(now: now)
                    forEachSlot { $0.takeFrames(now: now) }
                } else {
                    forEachSlot { $0.handle(event, now: now) }
                }
            }
            forEachSlot { $0.handleTimeout(now: now) }
            noteEnds()
        }
        progress.rest()
    }

    // Asked in every round: neither makes an array.

    private func nextTimeout(atMost deadline: Instant) -> Instant {
        var next = deadline
        forEachSlot { slot in if let due = slot.nextTimeout, due < next { next = due } }
        return next
    }

    private func forEachSlot(_ body: (PeerSlot) -> Void) {
        for place in places { if case .open(let slot) = place { body(slot) } }
    }

    private mutating func noteEnds() {
        for index in places.indices {
            if case .open(let slot) = places[index], slot.isOver { places[index] = .over(sessionId: slot.id) }
        }
    }

    // MARK: Commands

    private mutating func takeCommands(now: Instant) {
        while let command = commands.next() {
            switch command {
            case .sessionStarted(let id, _, _): open(id, now: now)
            // The resolver has been asked too.
            case .iceServersRenewed: break
            case .iceServer(let id, let server): slot(id)?.add(server, now: now)
            case .iceServersKnown(let id): slot(id)?.allServersKnown(now: now)
            case .offer(let id, let sdp):
                if let slot = slot(id) {
                    slot.accept(offer: sdp, now: now)
                } else if place(of: id) != nil {
                    resources.events.post(.offerAfterEnd(sessionId: id, sdp: sdp))
                }
            case .candidate(let id, let candidate):
                if let slot = slot(id) {
                    slot.add(candidate, now: now)
                } else if place(of: id) != nil {
                    resources.events.post(.candidateAfterEnd(sessionId: id, candidate))
                }
            case .sessionEnded(let id): if let index = place(of: id) { close(index, now: now) }
            case .interfacesChanged: forEachSlot { $0.interfacesChanged(now: now) }
            case .shutdown:
                while !places.isEmpty { close(0, now: now) }
                isRunning = false
            }
        }
    }

    private func place(of id: String) -> Int? { places.firstIndex { $0.sessionId == id } }

    /// The session's slot while it is open.
    private func slot(_ id: String) -> PeerSlot? {
        guard let index = place(of: id), case .open(let slot) = places[index], !slot.isOver else { return nil }
        return slot
    }

    private mutating func open(_ id: String, now: Instant) {
        if let index = place(of: id) { close(index, now: now) }
        while places.count >= resources.pools.count { close(leastWanted, now: now) }
        do throws(PeerError) {
            let wall = SystemWallClock.now()
            let slot = try PeerSlot(id, resources, pool: freePool, registry: registry, wall: wall, now: now)
            places.append(.open(slot))
            slot.begin(now: now)
        } catch {
            NetworkLoop.log.error("session not possible: \(error)")
            resources.events.post(.ended(sessionId: id, reason: "\(error)", code: .dtlsFailed))
        }
    }

    /// The place that gives way to another session: of one that is over, else of the oldest.
    private var leastWanted: Int {
        places.firstIndex { if case .over = $0 { true } else { false } } ?? 0
    }

    /// One that no open session has.
    private var freePool: PacketPool {
        for pool in resources.pools {
            var isTaken = false
            forEachSlot { if $0.pool === pool { isTaken = true } }
            if !isTaken { return pool }
        }
        preconditionFailure("network thread: more sessions than packet pools")
    }

    private mutating func close(_ index: Int, now: Instant) {
        if case .open(let slot) = places.remove(at: index) { slot.close(now: now) }
    }
}
