// The kiosks of the organization: what the server tells of them, and what this console does with them.

import { milliseconds, object, shownName, text } from './payload.js';

const NONE = Object.freeze({ isLoaded: false, byId: new Map(), watching: new Map() });

/**
 * `{isLoaded, byId, watching}`
 * - byId: `{kioskId, displayName, online, lastSeen (milliseconds since 1970, 0: never), monitoredBy (text or null), status (object or null)}` by id.
 * - watching: the phase of this console's session by id; without those that have ended.
 */
export function reduceKiosks(kiosks = NONE, event) {
  switch (event.type) {
    case 'signed-out': return NONE;
    case 'watching': return watched(kiosks, event);
    case 'server': return told(kiosks, event.name, object(event.payload));
    default: return kiosks;
  }
}

function told(kiosks, name, payload) {
  if (!payload) return kiosks;
  switch (name) {
    case 'kiosk-list': {
      if (!Array.isArray(payload.kiosks)) return kiosks;
      const entries = payload.kiosks.map((one) => entry(object(one))).filter(Boolean);
      return { ...kiosks, isLoaded: true, byId: new Map(entries.map((one) => [one.kioskId, one])) };
    }
    case 'kiosk-online':
    case 'kiosk-offline':
    case 'kiosk-status': {
      const one = entry(payload, kiosks.byId.get(payload.kioskId));
      return one ? { ...kiosks, byId: new Map(kiosks.byId).set(one.kioskId, one) } : kiosks;
    }
    default: return kiosks;
  }
}

/** One entry as it is after `payload`; what that does not name stays. Null where it is no entry. */
function entry(payload, before = { displayName: '', online: false, lastSeen: 0, monitoredBy: null, status: null }) {
  const kioskId = text(payload?.kioskId);
  if (!kioskId) return null;
  const named = (name, read) => (name in payload ? read(payload[name]) : before[name]);
  return {
    kioskId,
    displayName: named('displayName', shownName),
    online: named('online', (value) => value === true),
    lastSeen: named('lastSeen', milliseconds),
    monitoredBy: named('monitoredBy', text),
    status: named('status', object),
  };
}

function watched(kiosks, { kioskId, phase }) {
  if ((kiosks.watching.get(kioskId) ?? null) === phase) return kiosks;
  const watching = new Map(kiosks.watching);
  if (phase) watching.set(kioskId, phase); else watching.delete(kioskId);
  return { ...kiosks, watching };
}

/** What a kiosk is called. */
export function nameOf(kiosks, kioskId) {
  return kiosks.byId.get(kioskId)?.displayName || kioskId;
}

/** Whether watching it may succeed: it is online, and nobody else watches it. One that the server tells nothing of may be tried. */
export function isFree(kiosks, kioskId, ownId) {
  const kiosk = kiosks.byId.get(kioskId);
  return !kiosk || (kiosk.online && (!kiosk.monitoredBy || kiosk.monitoredBy === ownId));
}
