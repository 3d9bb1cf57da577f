// What was measured of each picture, for the last two minutes.

/** How long a reading is kept, in milliseconds, and how many of one kiosk at most. */
export const KEPT = 120_000;
export const MOST_READINGS = 120;

const NONE = Object.freeze({ byId: new Map() });

/** What is kept of a reading. */
const FIELDS = ['at', 'bitrate', 'lossRate', 'roundTrip', 'jitter', 'frameRate'];

/**
 * `{byId}`: by kiosk `{latest, history}`
 * - latest: the reading as `readFigures` gives it. - history: `{at, bitrate, lossRate, roundTrip, jitter, frameRate}`, the oldest first.
 */
export function reduceReadings(readings = NONE, event) {
  switch (event.type) {
    case 'signed-out': return NONE;
    case 'measured': return measured(readings, event);
    default: return readings;
  }
}

function measured({ byId }, { kioskId, figures }) {
  const isKept = ({ at }) => figures.at - at < KEPT;
  const next = new Map([...byId].filter(([, { latest }]) => isKept(latest)));
  const history = (next.get(kioskId)?.history ?? []).filter(isKept).slice(1 - MOST_READINGS);
  const reading = Object.fromEntries(FIELDS.map((name) => [name, figures[name] ?? null]));
  next.set(kioskId, { latest: figures, history: [...history, reading] });
  return { byId: next };
}
