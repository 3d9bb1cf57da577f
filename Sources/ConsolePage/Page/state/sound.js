// Which picture is heard: one at a time, for nobody understands two.

const SILENT = Object.freeze({ kioskId: null, isPinned: false, isOff: false });

/**
 * `{kioskId, isPinned, isOff}`
 * - kioskId: whose sound it is; null where there is no picture. It follows the operator's focus, unless it is pinned.
 * - isOff: the operator wants to hear nothing.
 *
 * Events: `{type: 'looked-at', kioskId}`, `{type: 'sound', kioskId, on}`, `{type: 'pinned', kioskId, on}`,
 * `{type: 'closed', kioskId, next}` (`next`: the picture that gets the focus, or null).
 */
export function reduceSound(sound = SILENT, event) {
  const { kioskId } = event;
  const isIts = sound.kioskId === kioskId;
  switch (event.type) {
    case 'signed-out': return SILENT;
    case 'looked-at': return sound.isPinned || isIts ? sound : { ...sound, kioskId };
    case 'sound': return event.on ? { kioskId, isPinned: isIts && sound.isPinned, isOff: false } : { ...sound, isOff: sound.isOff || isIts };
    case 'pinned': return event.on ? { kioskId, isPinned: true, isOff: false } : { ...sound, isPinned: sound.isPinned && !isIts };
    case 'closed': return isIts ? { kioskId: event.next, isPinned: false, isOff: sound.isOff } : sound;
    default: return sound;
  }
}

/** What a picture's loudspeaker does: `'on'`, `'pinned'` or `'off'`. */
export function soundOf({ kioskId, isPinned, isOff }, of) {
  if (kioskId !== of || isOff) return 'off';
  return isPinned ? 'pinned' : 'on';
}
