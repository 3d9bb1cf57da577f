// How lists show records.

public import JSON
internal import Primitives
public import SessionRules
internal import Signaling

extension SessionRecord {
    /// As lists show it.
    public var json: JSONValue {
        func time(_ time: WallClock?) -> JSONValue { time.map { .string($0.text) } ?? .null }
        return [
            "sessionId": .string(id), "kioskId": .string(kioskId), "monitorId": .string(monitorId),
            "startedAt": time(startedAt), "mediaStartedAt": time(mediaStartedAt),
            "firstFrameMs": firstFrameMs.map { .integer($0) } ?? .null, "mediaStoppedAt": time(mediaStoppedAt),
            "endedAt": time(endedAt), "reason": endReason.map { .string($0.rawValue) } ?? .null,
        ]
    }
}

extension CrewRecord {
    /// As lists show it.
    public var json: JSONValue {
        func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
        return [
            "event": .string(event.kind.rawValue), "eventId": .string(event.eventId), "kioskId": .string(kioskId),
            "crewId": .string(event.crewId), "name": text(event.name), "role": text(event.role),
            "train": text(event.train), "occurredAt": .string(event.occurredAt), "receivedAt": .string(receivedAt.text),
            "clock": text(event.clock?.rawValue),
        ]
    }
}

extension AuditRow {
    /// As lists show it.
    public var json: JSONValue {
        [
            "sequence": .integer(sequence), "at": .string(at.text), "kind": .string(kind), "actor": .string(actor),
            "subject": .string(subject),
            "details": (try? JSONValue(parsing: Array(details.utf8))) ?? .object(JSONObject()),
        ]
    }
}

extension Account {
    /// As lists show it: everything but what is secret.
    public var json: JSONValue {
        [
            "id": .string(id), "role": .string(role.rawValue), "organization": .string(organization),
            "displayName": .string(displayName), "disabled": .bool(isDisabled), "createdAt": .string(createdAt.text),
            "lastSeen": lastSeenAt.map { .string($0.text) } ?? .null,
            "version": version.map { .string($0) } ?? .null, "hostname": hostname.map { .string($0) } ?? .null,
        ]
    }
}
