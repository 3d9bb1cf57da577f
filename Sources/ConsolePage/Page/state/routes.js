// What the address names, so that a view can be bookmarked, opened on a second screen and survives a reload.
//
//   #/room                                        the room as it is
//   #/room?kiosks=KIOSK_01,KIOSK_02&focus=KIOSK_02   these pictures, one of them large
//   #/room?kiosks=KIOSK_01&wall=1               nothing but the pictures, for a screen on the wall
//   #/settings
//
// An address is typed, pasted and sent by anybody: what is no kiosk's name never gets beyond this module.

/** So many pictures are live at once. */
export const MOST_PICTURES = 9;

/** What the server allows as an account's name. */
const IDENTIFIER = /^[A-Za-z0-9._@-]{1,64}$/;

const ROOM = Object.freeze({ page: 'room', kiosks: null, focus: null, isWall: false, isKnown: true });

/**
 * What an address's fragment says: `{page: 'room'|'settings', kiosks, focus, isWall, isKnown}`
 * - kiosks: of the room, each once, at most `MOST_PICTURES`; null where the address names none: the pictures stay as they are.
 * - focus: one of them, or null.
 * - isWall: whether only the pictures are shown.
 * - isKnown: false where there is no such page; the room stands in for it.
 */
export function parseRoute(fragment) {
  const [, path, query] = /^#?\/?([^?]*)\??(.*)$/s.exec(String(fragment));
  switch (path) {
    case '': return ROOM;
    case 'room': return room(new URLSearchParams(query));
    case 'settings': return { ...ROOM, page: 'settings' };
    default: return { ...ROOM, isKnown: false };
  }
}

function room(parameters) {
  const isWall = parameters.get('wall') === '1';
  if (!parameters.has('kiosks')) return { ...ROOM, isWall };
  const names = parameters.get('kiosks').split(',').filter((name) => IDENTIFIER.test(name));
  const kiosks = [...new Set(names)].slice(0, MOST_PICTURES);
  const focus = parameters.get('focus');
  return { ...ROOM, kiosks, focus: kiosks.includes(focus) ? focus : null, isWall };
}

/** The fragment of a route, as `parseRoute` reads it. */
export function writeRoute({ page, kiosks = null, focus = null, isWall = false }) {
  if (page !== 'room') return `#/${page}`;
  const parts = [];
  if (kiosks?.length) parts.push(`kiosks=${kiosks.join(',')}`);
  if (kiosks?.length && focus !== null) parts.push(`focus=${focus}`);
  if (isWall) parts.push('wall=1');
  return parts.length > 0 ? `#/room?${parts.join('&')}` : '#/room';
}
