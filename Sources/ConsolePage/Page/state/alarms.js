// What calls an operator who looks elsewhere.

import { isFaulty } from './listing.js';
import { faultsOf } from './status.js';

/** How many kiosks have a fault. */
export function countFaulty({ byId }) {
  let count = 0;
  for (const kiosk of byId.values()) if (isFaulty(kiosk)) count += 1;
  return count;
}

/**
 * What went wrong with kiosks between two states: `{kioskId, isOffline, faults}` for each that went offline or has a fault that it had not; `faults` are the new ones.
 * What was not known before is no news.
 * - ids: the kiosks that the operator is called for.
 */
export function alarms(before, after, ids) {
  if (!before.isLoaded || before.byId === after.byId) return [];
  return ids.map((kioskId) => {
    const [was, is] = [before.byId.get(kioskId), after.byId.get(kioskId)];
    if (!was || !is || was === is) return null;
    if (!is.online) return was.online ? { kioskId, isOffline: true, faults: [] } : null;
    // What a kiosk said before it went is no measure for what it says when it comes back.
    if (!was.online) return null;
    const known = new Map(faultsOf(was.status).map(({ part, value }) => [part, value]));
    const isNew = ({ part, value }) => !known.has(part) || (typeof value === 'string' && known.get(part) !== value);
    const faults = faultsOf(is.status).filter(isNew);
    return faults.length > 0 ? { kioskId, isOffline: false, faults } : null;
  }).filter(Boolean);
}
