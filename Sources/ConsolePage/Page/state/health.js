// How kiosks fared, as far as this page heard of it: the server keeps no history of heartbeats.

import { faultsOf } from './status.js';

/** So many changes of one kiosk are kept. */
const MOST_CHANGES = 50;

const NONE = Object.freeze({ since: 0, byId: new Map() });

/**
 * `{since, byId}`
 * - since: when the first list came (milliseconds since 1970); 0 before. - byId: changes by kiosk, the latest first: `{at, isOnline, faults}`; the first of all is
 *   how it was found. Figures that come and go (a temperature, a count) are no change as long as the fault stays.
 * - kiosks: what the kiosks are after the event.
 */
export function reduceHealth(health = NONE, event, kiosks) {
  if (event.type === 'signed-out') return NONE;
  if (event.type !== 'server' || !event.at) return health;
  switch (event.name) {
    case 'kiosk-list': {
      const byId = new Map();
      for (const kiosk of kiosks.byId.values()) byId.set(kiosk.kioskId, grown(health.byId.get(kiosk.kioskId), kiosk, event.at));
      return { since: health.since || event.at, byId };
    }
    case 'kiosk-online':
    case 'kiosk-offline':
    case 'kiosk-status': {
      const kiosk = kiosks.byId.get(event.payload?.kioskId);
      if (!kiosk) return health;
      const before = health.byId.get(kiosk.kioskId);
      const after = grown(before, kiosk, event.at);
      return after === before ? health : { ...health, byId: new Map(health.byId).set(kiosk.kioskId, after) };
    }
    default: return health;
  }
}

/** What a kiosk said last is old once it is offline. */
function grown(changes = [], kiosk, at) {
  const one = { at, isOnline: kiosk.online, faults: kiosk.online ? faultsOf(kiosk.status) : [] };
  return changes.length > 0 && isAlike(changes[0], one) ? changes : [one, ...changes].slice(0, MOST_CHANGES);
}

function isAlike(one, other) {
  const isSame = (fault, index) => fault.part === other.faults[index].part && (typeof fault.value === 'number' || fault.value === other.faults[index].value);
  return one.isOnline === other.isOnline && one.faults.length === other.faults.length && one.faults.every(isSame);
}
