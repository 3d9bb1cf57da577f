// What the operator chose for this console.
//
// One object, read as carefully as anything that comes from elsewhere: whoever keeps it (app/keeping.js) may have an older page's, or somebody else's.

import { object } from '../payload.js';
import { readPoses } from './poses.js';
import { readSetAddresses } from './sets.js';

const oneOf = (...values) => (value) => (values.includes(value) ? value : values[0]);
/** So many kiosks are called for at most. */
const MOST_PINNED = 100;
const IDENTIFIER = /^[A-Za-z0-9._@-]{1,64}$/;

function pinned(value) {
  const ids = Array.isArray(value) ? value.filter((id) => typeof id === 'string' && IDENTIFIER.test(id)) : [];
  return [...new Set(ids)].slice(-MOST_PINNED);
}

/** What may be chosen, and how each is read; the first value of a choice is the one where nothing was chosen. */
const READ = Object.freeze({
  /** A language's code; null: as the browser. */
  language: (value) => (/^[a-z]{2,3}$/.test(typeof value === 'string' ? value : '') ? value : null),
  appearance: oneOf('dark', 'light', 'contrast', 'system'),
  /** The panels beside the pictures. */
  list: oneOf('open', 'folded'),
  crew: oneOf('open', 'folded'),
  /** The order of the kiosks behind those that come first. */
  order: oneOf('name', 'place'),
  /** How much of the line one picture may take (media/quality.js). */
  quality: oneOf('best', 'medium', 'low'),
  /** Whether single keys mean something. */
  keys: oneOf(true, false),
  /** Whether a pinned kiosk's fault is heard, and is shown outside of the page. */
  sounds: oneOf(true, false),
  notifications: oneOf(false, true),
  /** Minutes without a hand after which the page asks whether anybody is there; 0: never. */
  stillThere: oneOf(120, 0, 30, 60, 240),
  /** Ids of the kiosks that the operator is called for. */
  pinned,
  poses: readPoses,
  sets: readSetAddresses,
});

/** Every preference, out of whatever was kept. */
export function readPreferences(kept) {
  const fields = object(kept) ?? {};
  return Object.freeze(Object.fromEntries(Object.entries(READ).map(([name, read]) => [name, read(Object.hasOwn(fields, name) ? fields[name] : undefined)])));
}

export const USUAL_PREFERENCES = readPreferences(null);

/**
 * Events: `{type: 'preferred', name, value}`: the operator chose. `{type: 'preferences', kept}`: all of them as they were kept.
 * Signing out forgets none: they are this browser's.
 */
export function reducePreferences(preferences = USUAL_PREFERENCES, event) {
  switch (event.type) {
    case 'preferences': return readPreferences(event.kept);
    case 'preferred': {
      if (!Object.hasOwn(READ, event.name)) throw new TypeError(`no preference ${event.name}`);
      const value = READ[event.name](event.value);
      return value === preferences[event.name] ? preferences : Object.freeze({ ...preferences, [event.name]: value });
    }
    default: return preferences;
  }
}

/** The pinned kiosks with one more, or without it. */
export function withPin(ids, kioskId, isPinned) {
  const others = ids.filter((id) => id !== kioskId);
  return isPinned ? [...others, kioskId] : others;
}
