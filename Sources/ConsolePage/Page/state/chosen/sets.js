// Sets of pictures under the keys 1 to 9. A set is kept as its address, and is read as carefully.

import { parseRoute, writeRoute } from '../routes.js';

/** So many sets are kept. */
export const MOST_SETS = 9;

/** What was kept, by place: an address or null; anything may have been written there. */
export function readSetAddresses(kept) {
  return Array.from({ length: MOST_SETS }, (_, place) => {
    const set = setOf(Array.isArray(kept) ? kept[place] : null);
    return set && addressOf(set);
  });
}

/** `{kiosks, focus}`, or null for a place that is empty. */
export function setOf(address) {
  const { kiosks, focus } = parseRoute(typeof address === 'string' ? address : '');
  return kiosks?.length ? { kiosks, focus } : null;
}

/** The addresses with another set at a place, from 0; null forgets it. */
export function withSet(addresses, place, set) {
  return addresses.map((one, index) => (index === place ? set && addressOf(set) : one));
}

function addressOf({ kiosks, focus }) { return writeRoute({ page: 'room', kiosks, focus }); }
