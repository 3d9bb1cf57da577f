// How each kiosk's picture lies, remembered in this browser.

import { object } from '../state/payload.js';
import { USUAL } from '../views/picture.js';

const KEY = 'kiosk-console.poses';

/** So many kiosks are remembered; the one that was turned longest ago goes first. */
const MOST = 500;

export function poseOf(kioskId) {
  const { turns, fills } = read().get(kioskId) ?? {};
  return { turns: [0, 1, 2, 3].includes(turns) ? turns : USUAL.turns, fills: fills === true };
}

export function keepPose(kioskId, { turns, fills }) {
  const poses = read();
  poses.delete(kioskId);
  if (turns !== USUAL.turns || fills !== USUAL.fills) poses.set(kioskId, { turns, fills });
  localStorage.setItem(KEY, JSON.stringify([...poses].slice(-MOST)));
}

/** Anybody may have written there. */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return new Map(kept.filter((entry) => Array.isArray(entry) && object(entry[1])));
  } catch {
    return new Map();
  }
}
