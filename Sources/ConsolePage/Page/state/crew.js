// Crew sign-ons and sign-offs as they come.

import { milliseconds, object, text } from './payload.js';

/** Older events leave the page; the server keeps them. */
export const MOST = 200;

const NONE = Object.freeze({ events: [], received: 0 });

/**
 * `{events, received}`
 * - events: by the time of the event, the newest first: `{eventId, isSignOn, crewId, name, role, train, clock, kioskId (texts or null), occurredAt,
 *   receivedAt (milliseconds since 1970, 0 where unknown)}`. An event that comes again while it is here is the same event.
 * - received: how many came since the sign-in.
 */
export function reduceCrew(crew = NONE, event) {
  if (event.type === 'signed-out') return NONE;
  if (event.type !== 'server' || (event.name !== 'crew-sign-on' && event.name !== 'crew-sign-off')) return crew;
  const one = readCrewEvent(event.name, event.payload);
  if (!one || crew.events.some((other) => other.eventId === one.eventId)) return crew;
  const older = crew.events.findIndex((other) => other.occurredAt <= one.occurredAt);
  const at = older < 0 ? crew.events.length : older;
  const events = [...crew.events.slice(0, at), one, ...crew.events.slice(at)].slice(0, MOST);
  return { events, received: crew.received + 1 };
}

/** One event as `events` holds it; null where it is none. - name: `crew-sign-on` or `crew-sign-off`. */
export function readCrewEvent(name, payload) {
  const fields = object(payload);
  const eventId = text(fields?.eventId);
  if (!eventId || (name !== 'crew-sign-on' && name !== 'crew-sign-off')) return null;
  const one = {
    eventId,
    isSignOn: name === 'crew-sign-on',
    occurredAt: milliseconds(fields.occurredAt),
    receivedAt: milliseconds(fields.receivedAt),
  };
  for (const part of ['crewId', 'name', 'role', 'train', 'clock', 'kioskId']) one[part] = text(fields[part]);
  return one;
}
