// Whether anybody is there while kiosks are watched. A camera is not left on because somebody went home.

/** How long the question stays before the pictures are stopped, in milliseconds. */
export const ASKED_FOR = 60_000;

/**
 * `{phase: 'here'|'asked'|'gone', since}`: `since` is the last sign of a hand, or when the question was put (milliseconds of `performance.now()`).
 * @type {Readonly<{phase: string, since: number}>}
 */
export const HERE = Object.freeze({ phase: 'here', since: 0 });

/** A hand was seen: whatever was asked is answered. */
export function touched(now) { return { phase: 'here', since: now }; }

/**
 * To be called once a second.
 * - minutes: until the question; 0: it is never put. - isWatching: whether there is anything to stop.
 */
export function passed(presence, { now, minutes, isWatching }) {
  if (minutes === 0 || !isWatching) return presence.phase === 'here' && presence.since === now ? presence : touched(now);
  switch (presence.phase) {
    case 'here': return now - presence.since >= minutes * 60_000 ? { phase: 'asked', since: now } : presence;
    case 'asked': return now - presence.since >= ASKED_FOR ? { phase: 'gone', since: now } : presence;
    default: return presence;
  }
}
