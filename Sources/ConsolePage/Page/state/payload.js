// What came from the network is what it says it is only after a look.

/** The payload, if it is an object; null for everything else. */
export function object(payload) {
  return typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? payload : null;
}

/** A text that is not empty; null for everything else. */
export function text(value) {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Marks that turn the direction of a text, and so the texts beside it. */
const DIRECTIONS = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;
/** Scripts that run from right to left. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b]/;

/**
 * A name as it is shown; empty where nothing of it could be seen. One that runs from right to left is isolated (U+2068, U+2069; Unicode's UAX #9), so that a
 * sentence around it keeps its order.
 */
export function shownName(value) {
  const name = (text(value) ?? '').replace(DIRECTIONS, '').trim();
  if (!/[\p{L}\p{N}\p{P}\p{S}]/u.test(name)) return '';
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;
}

/** A moment (ISO 8601) in milliseconds since 1970; 0 where it is none. */
export function milliseconds(moment) {
  const parsed = typeof moment === 'string' ? Date.parse(moment) : Number.NaN;
  return Number.isNaN(parsed) ? 0 : parsed;
}
