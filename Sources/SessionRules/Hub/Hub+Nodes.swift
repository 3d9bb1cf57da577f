internal import JSON
public import Primitives
internal import Signaling
internal import SocketIO

/// How the hubs of several nodes work together. The node that holds a kiosk's socket owns its session: monitors of other nodes are served
/// by messages to it, and what their sockets are to receive comes back the same way. A single node has nobody to talk to, and nothing here
/// changes what it does.
extension Hub {
    // MARK: Nodes come and go

    /// Another node hears us, and knows nothing of what is here.
    public mutating func nodeJoined(_ node: NodeID, now: Moment) {
        ownership.nodeJoined(node)
        for claim in ownership.claims {
            act(.send(.kioskClaimed(claim), to: node))
            if let state = kioskState(claim.kioskId) { act(.send(.kioskChanged(state, change(state)), to: node)) }
        }
        for party in registeredMonitors() { act(.send(.monitorRegistered(party, carried: nil), to: node)) }
    }

    /// Another node is gone, or has forgotten us.
    /// - Parameter undelivered: what may not have reached it.
    public mutating func nodeLeft(_ node: NodeID, undelivered: [NodeMessage], now: Moment) {
        ownership.nodeLeft(node, now: now.instant)
        for kiosk in ownership.onlineKiosks(of: node) { announceHere(kiosk, .offline) }
        perform(sessions.nodeLost(node, now: now), now: now)
        for message in undelivered {
            switch message {
            case .deliver(.event(.monitoringStopped(_, let session, _)), _): sessions.notTold(ofMonitorIn: session)
            case .request(_, let party, let reply, _):
                if case .here = party.address { refuse(reply, .nodeUnavailable) }
            // Whoever joins is told all of these again, or has given up waiting.
            case .deliver, .kioskClaimed, .kioskReleased, .sessionTaken, .kioskChanged, .monitorRegistered,
                .monitorLost, .monitorSought, .crewStored, .sessionEnded:
                break
            }
        }
    }

    /// Another node says something.
    public mutating func received(_ message: NodeMessage, from node: NodeID, now: Moment) {
        switch message {
        case .deliver(let delivery, let socket):
            if clients[socket] != nil { deliver(delivery, to: .here(socket)) }
        case .kioskClaimed(let claim): kioskClaimed(claim, by: node, now: now)
        case .kioskReleased(let release): kioskReleased(release, by: node, now: now)
        case .sessionTaken(let id): ownership.taken(id)
        case .kioskChanged(let state, let change):
            guard let changed = ownership.changed(state, by: node) else { return }
            if let before = changed.missedEnd { tellMonitor(of: before) }
            announceHere(state.kioskId, change)
        case .request(let request, let sender, let reply, let forwards):
            var (sender, reply) = (sender, reply)
            sender.address = sender.address.read(by: ownership.own, from: node)
            reply.address = reply.address.read(by: ownership.own, from: node)
            do throws(Refusal) {
                try answer(request, sender, reply, forwards: forwards, now: now)
            } catch {
                refuse(reply, error)
            }
        case .monitorRegistered(var monitor, let carried):
            monitor.address = monitor.address.read(by: ownership.own, from: node)
            perform(sessions.monitorRegistered(monitor, carried: carried), now: now)
        case .monitorLost(let id, let socket):
            perform(sessions.monitorLost(id, address: .node(node, socket), now: now), now: now)
        case .monitorSought(let id):
            for party in registeredMonitors(id) { act(.send(.monitorRegistered(party, carried: nil), to: node)) }
        case .crewStored(let record): announceHere(record)
        case .sessionEnded(let id, let account): _ = sessionEnded(by: account, sessionId: id, now: now)
        }
    }

    // MARK: Claims

    /// A kiosk has registered here. What that means for its session is decided once no other node may have one.
    mutating func claim(
        _ kioskId: String, carried: [String]?, replacing earlier: SocketID?, now: Moment
    ) {
        let claim = ownership.claim(
            kioskId, carried: carried, replaced: earlier.map { .here($0) },
            mayWait: sessions.session(ofKiosk: kioskId) == nil, now: now.instant)
        for node in ownership.joined { act(.send(.kioskClaimed(claim), to: node)) }
        settle(kioskId, now: now)
    }

    /// Registers a kiosk with the sessions as soon as its claim is settled.
    mutating func settle(_ kioskId: String, now: Moment) {
        guard let settled = ownership.settle(kioskId, now: now.instant) else { return }
        if let before = settled.earlierState, let id = before.sessionId, sessions[id] == nil { tellMonitor(of: before) }
        guard let socket = presence.socket(ofKiosk: kioskId) else { return }
        perform(
            sessions.kioskRegistered(
                kioskId, address: .here(socket), carried: settled.claim.carried, replacing: settled.replaced), now: now)
    }

    private mutating func kioskClaimed(_ claim: KioskClaim, by node: NodeID, now: Moment) {
        let kioskId = claim.kioskId
        guard ownership.claimed(claim, by: node) else { return }
        var release = KioskRelease(kioskId: kioskId, number: claim.number, session: nil, ended: [])
        let earlier = presence.socket(ofKiosk: kioskId)
        if let earlier {
            act(.disconnect(earlier))
            _ = clients.remove(earlier)
            _ = presence.kioskSocketLost(kioskId, socket: earlier, now: now)
        }
        if let session = sessions.session(ofKiosk: kioskId) {
            let goesOn = claim.carried.map { $0.contains(session.id) } ?? (earlier == nil)
            if goesOn, !unrecorded.contains(session.id) {
                if let handed = sessions.handOver(kioskId: kioskId, now: now.instant) {
                    ownership.handOver(handed, to: node, now: now.instant)
                }
            } else {
                perform(sessions.kioskReplaced(kioskId, now: now.instant), now: now)
            }
        }
        release.session = ownership.handedOver(kioskId, to: node)
        release.ended = sessions.takeEnded(ofKiosk: kioskId, carried: claim.carried)
        act(.send(.kioskReleased(release), to: node))
    }

    private mutating func kioskReleased(_ release: KioskRelease, by node: NodeID, now: Moment) {
        for session in release.ended { sessions.remembered(session) }
        if release.session == nil, let lost = ownership.handedOver(release.kioskId, to: node) {
            // Handed over to a node that the kiosk has left since: it did not get the session, or has ended it.
            ownership.taken(lost.id)
            handOverFailed(lost, now: now)
        }
        if let session = release.session {
            act(.send(.sessionTaken(session.id), to: node))
            takeOver(session, from: node, now: now)
        }
        ownership.released(release.kioskId, number: release.number, by: node)
        settle(release.kioskId, now: now)
    }

    private mutating func takeOver(_ session: HandedOverSession, from node: NodeID, now: Moment) {
        ownership.taken(session.id)
        var session = session
        session.monitorAddress = session.monitorAddress?.read(by: ownership.own, from: node)
        if let remote = ownership.remote(session.kioskId), !ownership.holds(session.kioskId) {
            // The kiosk has moved on, and so does its session.
            ownership.handOver(session, to: remote.node, now: now.instant)
            let release = KioskRelease(kioskId: session.kioskId, number: remote.number, session: session, ended: [])
            return act(.send(.kioskReleased(release), to: remote.node))
        }
        let monitor = reachable(session.monitorAddress)
        guard sessions.takeOver(session, monitor: monitor, now: now.instant) else { return }
        if monitor == nil {
            for party in registeredMonitors(session.monitorId) {
                perform(sessions.monitorRegistered(party, carried: nil), now: now)
            }
            for node in ownership.joined { act(.send(.monitorSought(id: session.monitorId), to: node)) }
        }
        if ownership.isSettled(session.kioskId), let socket = presence.socket(ofKiosk: session.kioskId) {
            perform(
                sessions.kioskRegistered(session.kioskId, address: .here(socket), carried: nil, replacing: nil),
                now: now)
        }
        announce(session.kioskId, .status)
    }

    /// Those of one account, or all. The newest come first: an earlier socket of the same client may be dead without anybody
    /// having noticed.
    private func registeredMonitors(_ id: String? = nil) -> [Party] {
        clients.all.reversed().filter {
            $0.state.isRegistered && $0.state.role == .monitor && (id == nil || $0.state.account == id)
        }.map { $0.state.party($0.socket) }
    }

    private func reachable(_ address: Address?) -> Address? {
        switch address {
        case .here(let socket)?: clients[socket] != nil ? address : nil
        case .node(let node, _)?: ownership.isJoined(node) ? address : nil
        case nil: nil
        }
    }

    // MARK: Requests of monitors

    /// Serves a monitor here or lets the kiosk's owner do so.
    mutating func answer(
        _ request: MonitorRequest, _ sender: Party, _ reply: PendingReply, forwards: Int = 0, now: Moment
    ) throws(Refusal) {
        let kioskId = request.kioskId
        if !ownership.holds(kioskId), sessions.session(ofKiosk: kioskId) == nil,
            let remote = ownership.remote(kioskId)
        {
            // Twice is a kiosk that moves faster than the nodes learn of it.
            guard ownership.isJoined(remote.node), forwards < 2 else { throw .nodeUnavailable }
            return act(
                .send(.request(request, from: sender, reply, forwards: forwards + 1), to: remote.node))
        }
        switch request {
        case .start:
            guard !ownership.holds(kioskId) || ownership.isSettled(kioskId) else { throw .nodeUnavailable }
            try startMonitoring(kioskId, sender, reply, now: now)
        case .stop(_, let sessionId):
            let actions = try sessions.stopRequested(by: sender, kioskId: kioskId, sessionId: sessionId)
            answer(reply, .ok)
            perform(actions, now: now)
        case .relay(let message, _, let sessionId):
            let actions = try sessions.relayed(message, fromMonitor: sender, targetId: kioskId, sessionId: sessionId)
            answer(reply, .ok)
            perform(actions, now: now)
        }
    }

    // MARK: What monitors of other nodes see

    private func kioskState(_ kioskId: String) -> KioskState? {
        guard let number = ownership.number(of: kioskId) else { return nil }
        let seen = presence.seen(kioskId)
        let session = sessions.session(ofKiosk: kioskId)
        return KioskState(
            kioskId: kioskId, number: number, online: seen.online, lastSeen: seen.lastSeen, status: seen.status,
            sessionId: session?.id, monitoredBy: session?.monitorId)
    }

    private func change(_ state: KioskState) -> KioskChange { state.online ? .online : .offline }

    /// A kiosk's entry, wherever it is connected.
    func entry(of account: Account) -> KioskEntry {
        guard !ownership.holds(account.id), let remote = ownership.remote(account.id), let state = remote.state else {
            return presence.entry(of: account, monitoredBy: sessions.session(ofKiosk: account.id)?.monitorId)
        }
        let isKnown = ownership.isJoined(remote.node)
        return KioskEntry(
            kioskId: account.id, displayName: account.displayName, online: isKnown && state.online,
            lastSeen: (state.lastSeen ?? account.lastSeenAt)?.text, monitoredBy: isKnown ? state.monitoredBy : nil,
            status: isKnown ? state.status.map { KioskStatus(fields: $0) } : nil)
    }

    /// Tells a kiosk's organization about its entry, at every node.
    mutating func announce(_ kioskId: String, _ change: KioskChange) {
        announceHere(kioskId, change)
        guard !ownership.joined.isEmpty, let state = kioskState(kioskId) else { return }
        for node in ownership.joined { act(.send(.kioskChanged(state, change), to: node)) }
    }

    mutating func announceHere(_ kioskId: String, _ change: KioskChange) {
        guard let account = directory[kioskId] else { return }
        let sockets = listeners(account.organization)
        guard !sockets.isEmpty else { return }
        act(.broadcast(change.event(entry(of: account)), to: sockets))
    }

    mutating func announceHere(_ record: CrewRecord) {
        let listeners = listeners(record.organization)
        guard !listeners.isEmpty else { return }
        act(
            .broadcast(
                .crew(record.event, kioskId: record.kioskId, receivedAt: record.receivedAt.text), to: listeners))
    }

    // MARK: Time

    mutating func handleNodeTimeouts(now: Moment) {
        let due = ownership.handleTimeout(now: now.instant)
        for session in due.sessions { handOverFailed(session, now: now) }
        for kiosk in due.claims { settle(kiosk, now: now) }
        for state in due.orphans { tellMonitor(of: state) }
    }

    private mutating func handOverFailed(_ session: HandedOverSession, now: Moment) {
        guard !sessions.hasEnded(session.id) else { return }
        perform(sessions.handOverFailed(session), now: now)
        act(.store(.sessionEnded(id: session.id, .kioskDisconnected, principal: nil, at: now.wall)))
        if ownership.isSettled(session.kioskId), let socket = presence.socket(ofKiosk: session.kioskId) {
            perform(sessions.tellEnded(toKiosk: session.kioskId, on: .here(socket)), now: now)
        }
    }

    /// The session of which another node spoke is no more, and how it ended its monitor has not heard from that node.
    private mutating func tellMonitor(of state: KioskState) {
        guard let id = state.sessionId, let monitor = state.monitoredBy else { return }
        let event = ServerEvent.monitoringStopped(kioskId: state.kioskId, sessionId: id, reason: .kioskDisconnected)
        for party in registeredMonitors(monitor) { deliver(.event(event), to: party.address) }
    }
}

extension Refusal {
    /// The kiosk's node does not answer, or another one may still have its session: the client tries again.
    static var nodeUnavailable: Refusal { Refusal(.internalError, "the kiosk's server does not answer, try again") }
}
