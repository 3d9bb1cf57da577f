// Sets of pictures, kept in this browser under the keys 1 to 9.

import { parseRoute, writeRoute } from '../state/routes.js';

const KEY = 'kiosk-console.sets';

/** So many sets are kept. */
export const MOST_SETS = 9;

/** By place, from 0: `{kiosks, focus}` or null. */
export function readSets() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(KEY));
  } catch {
    // Somebody else wrote there.
  }
  return Array.from({ length: MOST_SETS }, (_, place) => {
    const address = Array.isArray(kept) ? kept[place] : null;
    // A set is kept as its address, and is read as carefully.
    const { kiosks, focus } = typeof address === 'string' ? parseRoute(address) : parseRoute('');
    return kiosks?.length ? { kiosks, focus } : null;
  });
}

/** - set: null forgets the place. */
export function keepSet(place, set) {
  const sets = readSets();
  sets[place] = set;
  localStorage.setItem(KEY, JSON.stringify(sets.map((one) => (one ? writeRoute({ page: 'room', ...one }) : null))));
}
