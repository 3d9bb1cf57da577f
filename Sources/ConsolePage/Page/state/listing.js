// The kiosks as a list: how many there are of each kind, which are shown, and in which order.

import { faultsOf } from './status.js';

/** Kinds that the list can be narrowed to, and what makes a kiosk one of them. - phase: of this console's session with it, or undefined.
 * @type {Map<string, (kiosk: any, phase?: string) => boolean>} */
const KINDS = new Map([
  ['online', (kiosk) => kiosk.online],
  ['offline', (kiosk) => !kiosk.online],
  ['faulty', (kiosk) => isFaulty(kiosk)],
  ['watched', (kiosk, phase) => kiosk.monitoredBy !== null || phase !== undefined],
  ['mine', (kiosk, phase) => phase !== undefined],
]);

export const KIND_NAMES = Object.freeze([...KINDS.keys()]);

/** What a kiosk said last is old once it is offline. */
export function isFaulty(kiosk) { return kiosk.online && faultsOf(kiosk.status).length > 0; }

/** Whether a kiosk is of a kind; every kiosk is, where the kind is null. */
export function isOfKind({ byId, watching }, kioskId, kind) {
  return kind === null || KINDS.get(kind)(byId.get(kioskId), watching.get(kioskId));
}

/** How many kiosks there are of each kind. */
export function countKinds(kiosks) {
  const counts = Object.fromEntries(KIND_NAMES.map((kind) => [kind, 0]));
  for (const [kioskId, kiosk] of kiosks.byId) {
    const phase = kiosks.watching.get(kioskId);
    for (const [kind, isOne] of KINDS) if (isOne(kiosk, phase)) counts[kind] += 1;
  }
  return counts;
}

/** The ids: faults first, then those that are watched here, then all others; by name among themselves. - compare(a, b): of two names. */
export function ordered({ byId, watching }, compare) {
  const rows = [...byId.values()].map((kiosk) => ({
    kioskId: kiosk.kioskId, name: kiosk.displayName || kiosk.kioskId, rank: isFaulty(kiosk) ? 0 : watching.has(kiosk.kioskId) ? 1 : 2,
  }));
  rows.sort((a, b) => a.rank - b.rank || compare(a.name, b.name) || compare(a.kioskId, b.kioskId));
  return rows.map(({ kioskId }) => kioskId);
}
