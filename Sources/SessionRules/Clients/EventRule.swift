internal import Signaling

/// What the contract says of an event before its payload is looked at: who may send it, when, and how often.
struct EventRule: Hashable, Sendable {
    enum Sender: Hashable, Sendable {
        case kiosk, monitor, either

        func includes(_ role: Role) -> Bool {
            switch (self, role) {
            case (.kiosk, .kiosk), (.monitor, .monitor), (.either, .kiosk), (.either, .monitor): true
            case (.kiosk, .monitor), (.kiosk, .admin), (.monitor, .kiosk), (.monitor, .admin), (.either, .admin): false
            }
        }
    }

    /// When in the life of a socket an event may come.
    enum Stage: Hashable, Sendable {
        case atAnyTime, onceRegistered
    }

    /// Which of its sender's limits an event counts against.
    enum Limit: Hashable, Sendable {
        case messages, candidates
    }

    let sender: Sender
    let stage: Stage
    let limit: Limit
    /// Whether each of them leaves a line in the records, refused or not: an account may cause only so many.
    let isWrittenDown: Bool

    init(
        from sender: Sender, _ stage: Stage = .onceRegistered, limit: Limit = .messages, isWrittenDown: Bool = false
    ) {
        self.sender = sender
        self.stage = stage
        self.limit = limit
        self.isWrittenDown = isWrittenDown
    }
}

extension ClientEvent.Kind {
    var rule: EventRule {
        switch self {
        case .registerKiosk: EventRule(from: .kiosk, .atAnyTime)
        case .registerMonitor: EventRule(from: .monitor, .atAnyTime)
        case .startMonitoring: EventRule(from: .monitor, isWrittenDown: true)
        case .stopMonitoring: EventRule(from: .monitor)
        case .offer: EventRule(from: .monitor)
        case .answer: EventRule(from: .kiosk)
        case .iceCandidate: EventRule(from: .either, limit: .candidates)
        case .restartRequest: EventRule(from: .kiosk)
        case .sessionError: EventRule(from: .kiosk)
        case .sessionReport: EventRule(from: .kiosk, isWrittenDown: true)
        case .heartbeatPing: EventRule(from: .kiosk)
        case .crewSignOn: EventRule(from: .kiosk)
        case .crewSignOff: EventRule(from: .kiosk)
        }
    }
}
