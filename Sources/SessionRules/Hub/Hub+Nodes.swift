public import Primitives
internal import Signaling

extension Hub {
    // MARK: What other nodes say

    /// Another node hears us, and knows nothing of what is here.
    public mutating func nodeJoined(_ node: NodeID, now: Moment) {
        perform(owned.nodeJoined(node, clients, presence), now: now)
    }

    /// Another node is gone, or has forgotten us.
    /// - Parameter undelivered: what may not have reached it.
    public mutating func nodeLeft(_ node: NodeID, undelivered: [NodeMessage], now: Moment) {
        perform(owned.nodeLeft(node, undelivered: undelivered, now: now), now: now)
    }

    /// Another node says something.
    public mutating func received(_ message: NodeMessage, from node: NodeID, now: Moment) {
        switch message {
        case .deliver(let delivery, let socket):
            if clients[socket] != nil { outbox.deliver(delivery, to: .here(socket)) }
        case .kioskClaimed(let claim):
            let session = owned.sessions.session(ofKiosk: claim.kioskId)
            let isRecorded = session.map { !outbox.isUnrecorded($0.id) } ?? true
            perform(
                owned.kioskClaimed(claim, by: node, isRecorded: isRecorded, presence, now: now.instant), now: now)
        case .kioskReleased(let release):
            perform(owned.kioskReleased(release, by: node, clients, presence, now: now.instant), now: now)
            perform(owned.settle(release.kioskId, clients, presence, now: now.instant), now: now)
        case .sessionTaken(let id): owned.sessionTaken(id)
        case .kioskChanged(let state, let change):
            perform(owned.kioskChanged(state, change, by: node, clients), now: now)
        case .request(let request, var sender, var reply, let forwards):
            sender.address = owned.read(sender.address, from: node)
            reply.address = owned.read(reply.address, from: node)
            do throws(Refusal) {
                try serve(request, sender, reply, forwards: forwards, now: now)
            } catch {
                refuse(reply, error)
            }
        case .monitorRegistered(var monitor, let carried):
            monitor.address = owned.read(monitor.address, from: node)
            perform(owned.sessions.monitorRegistered(monitor, carried: carried), now: now)
        case .monitorLost(let id, let socket):
            perform(owned.sessions.monitorLost(id, address: .node(node, socket), now: now), now: now)
        case .monitorSought(let id): perform(owned.monitorSought(id, by: node, clients), now: now)
        case .crewStored(let record): announceHere(record)
        case .sessionEnded(let id, let account, let reason):
            _ = sessionEnded(by: account, sessionId: id, reason: reason, now: now)
        }
    }

    /// Performs what was decided about the sessions of this node's kiosks.
    mutating func perform(_ decided: [OwnedSessions.Action], now: Moment) {
        for action in decided {
            switch action {
            case .session(let action): perform(action, now: now)
            case .send(let message, let node): outbox.act(.send(message, to: node))
            case .deliver(let event, let address): outbox.deliver(.event(event), to: address)
            case .refuse(let reply, let refusal): refuse(reply, refusal)
            case .letGo(let socket, let kioskId):
                outbox.act(.disconnect(socket))
                _ = clients.remove(socket)
                _ = presence.kioskSocketLost(kioskId, socket: socket, now: now)
            case .recordLoss(let id):
                outbox.act(.store(.sessionEnded(id: id, .kioskDisconnected, principal: nil, at: now.wall)))
            case .announceHere(let kioskId, let change): announceHere(kioskId, change)
            case .announce(let kioskId, let change): announce(kioskId, change)
            }
        }
    }
}
