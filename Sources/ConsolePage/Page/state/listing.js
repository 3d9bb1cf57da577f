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

/** Where a kiosk stands, by its name: what is behind the last comma; empty where there is none. */
export function placeOf(name) {
  const comma = name.lastIndexOf(',');
  return comma < 0 ? '' : name.slice(comma + 1).trim();
}

/**
 * The list in its order: `{head, place, kioskIds}`, faults first, then those that are watched here, then all others; by name among themselves. None is empty.
 * - head: `faulty`, `mine`, `others`, `place` or `nowhere`. - place: of `place`, its name.
 * - compare(a, b): of two names. - order: `name`, or `place` for the others in parts by their place.
 */
export function arranged({ byId, watching }, { compare, order }) {
  const rows = [...byId.values()].map((kiosk) => ({ kioskId: kiosk.kioskId, name: kiosk.displayName || kiosk.kioskId, kiosk }));
  rows.sort((a, b) => compare(a.name, b.name) || compare(a.kioskId, b.kioskId));
  const [faulty, mine, others] = [[], [], []];
  for (const row of rows) (isFaulty(row.kiosk) ? faulty : watching.has(row.kioskId) ? mine : others).push(row);
  const parts = [{ head: 'faulty', rows: faulty }, { head: 'mine', rows: mine }, ...(order === 'place' ? byPlace(others, compare) : [{ head: 'others', rows: others }])];
  return parts.filter((part) => part.rows.length > 0).map(({ head, place = '', rows: those }) => ({ head, place, kioskIds: those.map(({ kioskId }) => kioskId) }));
}

/** Places by their names; those that name none come last. */
function byPlace(rows, compare) {
  const places = new Map();
  for (const row of rows) {
    const place = placeOf(row.name);
    if (!places.has(place)) places.set(place, []);
    places.get(place).push(row);
  }
  const named = [...places.keys()].filter(Boolean).sort(compare);
  return [...named.map((place) => ({ head: 'place', place, rows: places.get(place) })), { head: 'nowhere', rows: places.get('') ?? [] }];
}
