// The crew log: what has arrived, and who is on duty by it.

import { readCrewEvent } from '../crew.js';
import { object } from '../payload.js';

/** From so long between an event and its arrival on, in milliseconds, the event is late. */
const LATE = 60_000;

/** One item of the server's list, as `readCrewEvent` gives it; null where it is none. */
export function readLoggedEvent(item) {
  return readCrewEvent(object(item)?.event, item);
}

export function isLate({ occurredAt, receivedAt }) {
  return occurredAt > 0 && receivedAt - occurredAt > LATE;
}

/** When it happened, as well as is known. */
export function happenedAt({ occurredAt, receivedAt }) { return occurredAt || receivedAt; }

/** All events of several lists, each once, the latest arrival first. */
export function byArrival(...lists) {
  const byId = new Map();
  for (const event of lists.flat()) if (!byId.has(event.eventId)) byId.set(event.eventId, event);
  return [...byId.values()].sort((one, other) => other.receivedAt - one.receivedAt);
}

/**
 * Who has signed on and not off since, by the time of the events and not of their arrival: a sign-off that arrives late ends what it ended.
 * `{crewId, name, role, train, kioskId, clock, since}`, the latest first.
 */
export function onDuty(events) {
  const latest = new Map();
  for (const event of events) {
    if (event.crewId === null) continue;
    const other = latest.get(event.crewId);
    if (!other || isAfter(event, other)) latest.set(event.crewId, event);
  }
  return [...latest.values()].filter(({ isSignOn }) => isSignOn)
    .map(({ crewId, name, role, train, kioskId, clock, ...event }) => ({ crewId, name, role, train, kioskId, clock, since: happenedAt(event) }))
    .sort((one, other) => other.since - one.since);
}

/** Of two events of one moment the one that arrived later counts. */
function isAfter(one, other) {
  return happenedAt(one) - happenedAt(other) > 0 || (happenedAt(one) === happenedAt(other) && one.receivedAt > other.receivedAt);
}
