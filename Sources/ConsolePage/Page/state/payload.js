// What came from the network is what it says it is only after a look.

/** The payload, if it is an object; null for everything else. */
export function object(payload) {
  return typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? payload : null;
}

/** A text that is not empty; null for everything else. */
export function text(value) {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A moment (ISO 8601) in milliseconds since 1970; 0 where it is none. */
export function milliseconds(moment) {
  const parsed = typeof moment === 'string' ? Date.parse(moment) : Number.NaN;
  return Number.isNaN(parsed) ? 0 : parsed;
}
