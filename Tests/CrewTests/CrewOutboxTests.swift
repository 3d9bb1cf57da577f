import Database
import Glibc
import JSON
import Primitives
import Reactor
import Signaling
import Testing

@testable import Crew

@Suite struct CrewOutboxTests {
    private func entry(_ id: String) throws -> CrewEntry { try CrewEntry(kind: .signOn, crewId: id, name: "N \(id)") }

    @Test func keepsOrderUntilAcknowledged() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        let now = WallClock(secondsSince1970: 1_700_000_000)
        let first = try outbox.append(entry("1"), now: now)
        // The clock jumps back: the order is that of the calls.
        let second = try outbox.append(entry("2"), now: now + .seconds(-3600))
        #expect(first.eventId < second.eventId)
        #expect(second.occurredAt == "2023-11-14T21:13:20.000Z")
        #expect(try outbox.oldest() == first)
        try outbox.remove([first.eventId])
        #expect(try outbox.oldest() == second)
        try outbox.reject(eventId: second.eventId, reason: "too odd")
        #expect(try outbox.oldest() == nil)
        #expect((outbox.waiting, outbox.rejected) == (0, 1))
        #expect(try outbox.list() == [CrewOutbox.Entry(event: second, rejection: "too odd")])
    }

    /// What the server refused for good waits for a person, hides nothing, and has a way out.
    @Test func refusedEventsAreListedLastAndSentOnceMoreOrForgotten() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        let now = WallClock(secondsSince1970: 1_700_000_000)
        let events = try (0..<4).map { try outbox.append(entry("\($0)"), now: now) }
        for event in events[..<2] { try outbox.reject(eventId: event.eventId, reason: "no") }
        #expect(try outbox.list().map(\.event) == [events[2], events[3], events[0], events[1]])
        #expect(try outbox.list(limit: 3).map(\.event) == [events[2], events[3], events[0]])
        #expect(try outbox.retry(eventId: events[1].eventId) == events[1])
        #expect((outbox.waiting, outbox.rejected) == (3, 1))
        #expect(try outbox.oldest() == events[1], "in its old place")
        #expect(try outbox.discard(eventId: events[0].eventId) == events[0])
        #expect((outbox.waiting, outbox.rejected) == (3, 0))
        #expect(try outbox.list().map(\.event) == Array(events[1...]))
        // Only what was refused is a person's to decide.
        #expect(try outbox.discard(eventId: events[2].eventId) == nil)
        #expect(try outbox.retry(eventId: "nobody") == nil)
        #expect((outbox.waiting, outbox.rejected) == (3, 0))
    }

    @Test func deliveryIsOneAtATimeAndAgainUntilAnswered() {
        var delivery = CrewDelivery()
        let now = Instant.zero
        #expect(!delivery.isReady)
        delivery.registered(clockIsKnown: true, now: now)
        #expect(delivery.isReady)
        delivery.sent(eventId: "a", now: now)
        #expect(!delivery.isReady)
        #expect(delivery.answered(eventId: "x", .ok, now: now) == .nothing)
        #expect(delivery.answered(eventId: "a", .ok, now: now) == .delivered(eventId: "a"))
        #expect(delivery.isReady)

        delivery.sent(eventId: "b", now: now)
        #expect(delivery.answered(eventId: "b", .refused(SignalingError(.throttled, "")), now: now) == .nothing)
        #expect(!delivery.isReady)
        #expect(delivery.nextTimeout == now + .seconds(1))
        delivery.timeoutReached(now: now + .seconds(1))
        #expect(delivery.isReady)
        delivery.sent(eventId: "b", now: now)
        #expect(delivery.answered(eventId: "b", .refused(SignalingError(.throttled, "")), now: now) == .nothing)
        #expect(delivery.nextTimeout == now + .seconds(2))
        delivery.timeoutReached(now: now + .seconds(2))

        delivery.sent(eventId: "b", now: now)
        #expect(delivery.nextTimeout == now + .seconds(30))
        delivery.timeoutReached(now: now + .seconds(30))
        #expect(delivery.isReady)

        delivery.sent(eventId: "b", now: now)
        delivery.lost()
        #expect(!delivery.isReady)
        delivery.registered(clockIsKnown: true, now: now)
        delivery.sent(eventId: "b", now: now)
        #expect(
            delivery.answered(eventId: "b", .refused(SignalingError(.badRequest, "no")), now: now)
                == .rejected(eventId: "b", reason: "no"))
        #expect(delivery.isReady)
    }
}
