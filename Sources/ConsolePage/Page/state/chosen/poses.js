// How each kiosk's picture lies.

import { object } from '../payload.js';

/** Quarter turns to the right, and whether the picture fills its tile or is whole. */
export const USUAL = Object.freeze({ turns: 0, fills: false });

/** So many kiosks are remembered; the one that was turned longest ago goes first. */
const MOST = 500;

/** What was kept, as pairs of a kiosk's id and its pose; anything may have been written there. */
export function readPoses(kept) {
  if (!Array.isArray(kept)) return [];
  const isPose = (entry) => Array.isArray(entry) && typeof entry[0] === 'string' && object(entry[1]) && [0, 1, 2, 3].includes(entry[1].turns);
  return kept.filter(isPose).slice(-MOST).map(([kioskId, { turns, fills }]) => [kioskId, { turns, fills: fills === true }]);
}

export function poseOf(poses, kioskId) {
  return poses.find(([id]) => id === kioskId)?.[1] ?? USUAL;
}

/** The poses with another one of a kiosk. */
export function withPose(poses, kioskId, { turns, fills }) {
  const others = poses.filter(([id]) => id !== kioskId);
  return turns === USUAL.turns && fills === USUAL.fills ? others : [...others, [kioskId, { turns, fills }]].slice(-MOST);
}
