import Primitives
import Reactor
import Service

/// Tells what is wrong with media that flows: once when it begins, once when it is over.
struct ConditionReport: ~Copyable {
    private let kind: MediaKind
    private let events: Mailbox<MediaEvent>
    private let log: Log
    private var told: MediaCondition?

    init(_ kind: MediaKind, events: Mailbox<MediaEvent>, log: Log) {
        self.kind = kind
        self.events = events
        self.log = log
        told = nil
    }

    mutating func update(_ condition: MediaCondition?) {
        guard condition != told else { return }
        if let condition {
            log.warning("\(condition.message); \(condition.remedy)", [LogField("REASON", condition.rawValue)])
        } else if let told {
            log.notice(
                "the \(kind == .video ? "picture" : "sound") is well again", [LogField("REASON", told.rawValue)])
        }
        told = condition
        events.post(.condition(kind, condition))
    }

    /// The device was closed: the condition of its media is over.
    mutating func sourceClosed() {
        guard told != nil else { return }
        told = nil
        events.post(.condition(kind, nil))
    }
}
