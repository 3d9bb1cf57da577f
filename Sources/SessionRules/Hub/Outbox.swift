internal import JSON
internal import Signaling
internal import SocketIO

/// What the hub has decided and its driver has not taken yet, and what is kept back until the records have a session's beginning.
///
///     deliver, answer, refuse ───────────────────────────────▶ actions, in order ──take──▶ driver
///     say, acknowledgeStart ──session is not recorded yet──▶ kept back ──recorded──▲
///                                                             └────────failed──▶ refusals to those who asked for it
struct Outbox: Sendable {
    private var actions: [Hub.Action]
    private var unrecorded: UnrecordedSessions

    init() {
        actions = []
        unrecorded = UnrecordedSessions()
    }

    /// In order; empty when there is nothing.
    mutating func take() -> [Hub.Action] {
        guard !actions.isEmpty else { return [] }
        let taken = actions
        actions = []
        return taken
    }

    mutating func act(_ action: Hub.Action) { actions.append(action) }

    /// To a client of this node at once, to one of another by a message to its node.
    mutating func deliver(_ delivery: Delivery, to address: Address) {
        switch address {
        case .here(let socket):
            switch delivery {
            case .event(let event): actions.append(.emit(event, to: socket))
            case .eventWithICEServers(let event, let credentials):
                actions.append(.emitWithICEServers(event, credentials, to: socket))
            case .acknowledgement(let id, let acknowledgement):
                actions.append(.acknowledge(socket, id, acknowledgement))
            }
        case .node(let node, let socket): actions.append(.send(.deliver(delivery, to: socket), to: node))
        }
    }

    mutating func broadcast(_ event: ServerEvent, to sockets: [SocketID]) {
        guard !sockets.isEmpty else { return }
        actions.append(.broadcast(event, to: sockets))
    }

    /// Nothing is said to a sender that asks for no acknowledgement.
    mutating func answer(_ reply: PendingReply, _ acknowledgement: Acknowledgement) {
        guard let id = reply.acknowledgement else { return }
        deliver(.acknowledgement(id, acknowledgement), to: reply.address)
    }

    /// A sender that asks for no acknowledgement hears of it in an event.
    mutating func refuse(_ reply: PendingReply, _ refusal: Refusal) {
        if reply.acknowledgement != nil {
            answer(reply, refusal.acknowledgement)
        } else {
            deliver(.event(.error(refusal.error, event: reply.event)), to: reply.address)
        }
    }

    // MARK: What waits for the records

    /// A session has begun: nobody hears of it until it is recorded.
    mutating func began(_ session: String) { unrecorded.began(session) }

    func isUnrecorded(_ session: String) -> Bool { unrecorded.contains(session) }

    /// Delivers it now, or once the session is recorded.
    mutating func say(_ delivery: Delivery, to address: Address, of session: String?) {
        if let session, unrecorded.keepBack(delivery, to: address, of: session) { return }
        deliver(delivery, to: address)
    }

    /// Answers who asked for a session with its name, now or once it is recorded.
    mutating func acknowledgeStart(of session: String, _ reply: PendingReply) {
        unrecorded.asked(session, reply)
        guard let id = reply.acknowledgement else { return }
        let details = JSONObject([("sessionId", .string(session))])
        say(.acknowledgement(id, .ok(details)), to: reply.address, of: session)
    }

    /// The records have its beginning.
    mutating func recorded(_ session: String) {
        for (delivery, address) in unrecorded.recorded(session) { deliver(delivery, to: address) }
    }

    /// The records do not take it: nobody ever hears of it.
    /// - Returns: who asked for it.
    mutating func notRecorded(_ session: String) -> [PendingReply] { unrecorded.failed(session) }
}
