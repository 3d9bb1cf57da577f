internal import Primitives
internal import Signaling
internal import SocketIO

/// Judges what clients send by the rule of its event (`EventRule`), in this order: how much the client sends, whose event it is, whether that
/// one has registered, whether the payload can be read, and whether the account may still cause lines in the records.
struct EventAdmission: Sendable {
    enum Verdict: Hashable, Sendable {
        case admitted(ClientEvent)
        case refused(Refusal)
        /// Its sender goes on although it has been refused for long: it is no client of the contract.
        case hopeless
    }

    /// What one account may have written down for the asking.
    static let writingBurst = 120
    static let writingPerSecond = 0.5

    private let messagesPerSecond: Int
    private var writingBudgets: TokenBuckets<String>
    /// Events whose rule and payload were kept, by name.
    private(set) var admitted: [ClientEvent.Kind: UInt64]

    init(messagesPerSecond: Int) {
        self.messagesPerSecond = messagesPerSecond
        writingBudgets = TokenBuckets(burst: EventAdmission.writingBurst, perSecond: EventAdmission.writingPerSecond)
        admitted = [:]
    }

    /// Of a client that has just been let in.
    func throttles(now: Instant) -> MessageThrottles { MessageThrottles(perSecond: messagesPerSecond, now: now) }

    mutating func judge(_ event: SocketIOEvent, of client: inout ClientState, now: Instant) -> Verdict {
        let kind = ClientEvent.Kind(rawValue: event.name)
        let rule = kind?.rule
        switch client.throttles.take(rule?.limit ?? .messages, perSecond: messagesPerSecond, now: now) {
        case .admitted: break
        case .refused: return .refused(Refusal(.throttled, "more than \(messagesPerSecond) messages a second"))
        case .hopeless: return .hopeless
        }
        if let kind, let rule, let refusal = EventAdmission.refusal(kind, rule, of: client) { return .refused(refusal) }
        let parsed: ClientEvent
        do throws(SignalingError) {
            parsed = try ClientEvent(name: event.name, arguments: event.arguments)
        } catch {
            return .refused(Refusal(error))
        }
        admitted[parsed.kind, default: 0] += 1
        if rule?.isWrittenDown == true, !writingBudgets.take(client.account, now: now) {
            return .refused(Refusal(.throttled, "more starts and reports of sessions than are written down"))
        }
        return .admitted(parsed)
    }

    private static func refusal(_ kind: ClientEvent.Kind, _ rule: EventRule, of client: ClientState) -> Refusal? {
        guard rule.sender.includes(client.role) else {
            return Refusal(.forbidden, "\(kind.rawValue) is not for a \(client.role.rawValue)")
        }
        switch (rule.stage, client.phase) {
        case (.atAnyTime, _), (.onceRegistered, .registered): return nil
        case (.onceRegistered, .connected):
            return Refusal(.notRegistered, "register-\(client.role.rawValue) comes first")
        }
    }
}
