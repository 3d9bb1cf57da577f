// How kiosks fared, as far as this page heard of it: the server keeps no history of heartbeats.

import { faultsOf } from './status.js';

/** So many changes of one kiosk are kept. */
const MOST_CHANGES = 50;

const NONE = Object.freeze({ since: 0, byId: new Map() });

/**
 * `{since, byId}`
 * - since: when the first list came (milliseconds since 1970); 0 before. - byId: changes by kiosk, the latest first: `{at, isOnline, faults, isFound}`; the first of all is
 *   how it was found. - isFound: it was so when a list came, and may have been for long. Figures that come and go (a temperature, a count) are no change as long as the fault stays.
 * - kiosks: what the kiosks are after the event.
 */
export function reduceHealth(health = NONE, event, kiosks) {
  if (event.type === 'signed-out') return NONE;
  if (event.type !== 'server' || !event.at) return health;
  switch (event.name) {
    case 'kiosk-list': {
      const byId = new Map();
      for (const kiosk of kiosks.byId.values()) byId.set(kiosk.kioskId, grown(health.byId.get(kiosk.kioskId), kiosk, event.at, true));
      return { since: health.since || event.at, byId };
    }
    case 'kiosk-online':
    case 'kiosk-offline':
    case 'kiosk-status': {
      const kiosk = kiosks.byId.get(event.payload?.kioskId);
      if (!kiosk) return health;
      const before = health.byId.get(kiosk.kioskId);
      const after = grown(before, kiosk, event.at, false);
      return after === before ? health : { ...health, byId: new Map(health.byId).set(kiosk.kioskId, after) };
    }
    default: return health;
  }
}

/** What a kiosk said last is old once it is offline. */
function grown(changes = [], kiosk, at, isFound) {
  const one = { at, isOnline: kiosk.online, faults: kiosk.online ? faultsOf(kiosk.status) : [], isFound };
  return changes.length > 0 && isAlike(changes[0], one) ? changes : [one, ...changes].slice(0, MOST_CHANGES);
}

function isAlike(one, other) {
  const isSame = (fault, index) => fault.part === other.faults[index].part && (typeof fault.value === 'number' || fault.value === other.faults[index].value);
  return one.isOnline === other.isOnline && one.faults.length === other.faults.length && one.faults.every(isSame);
}

/** Since when the newest of a kiosk's changes have something in common, by the server's clock; 0 where the page has not seen it begin. */
function since(changes, isSo) {
  let first = null;
  for (const change of changes) {
    if (!isSo(change)) break;
    first = change;
  }
  // The oldest that is kept may not be the oldest that was.
  return first === null || first.isFound || (first === changes.at(-1) && changes.length === MOST_CHANGES) ? 0 : first.at;
}

/** Since when a kiosk is online. */
export function onlineSince({ byId }, kioskId) { return since(byId.get(kioskId) ?? [], ({ isOnline }) => isOnline); }

/** Since when a kiosk has a fault. - fault: `{part, value}` (state/status.js). */
export function faultySince({ byId }, kioskId, { part, value }) {
  const isIt = (one) => one.part === part && (typeof value === 'number' || one.value === value);
  return since(byId.get(kioskId) ?? [], ({ faults }) => faults.some(isIt));
}
