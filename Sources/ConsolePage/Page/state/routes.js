// What the address names, so that a view can be bookmarked, opened on a second screen and survives a reload.
//
//   #/room                                        the room as it is
//   #/room?kiosks=KIOSK_01,KIOSK_02&focus=KIOSK_02   these pictures, one of them large
//   #/room?kiosks=KIOSK_01&wall=1               nothing but the pictures, for a screen on the wall
//   #/crew?tab=history&kiosk=KIOSK_01&person=4711   and the other pages of records, with what they are narrowed to (QUERIES)
//   #/kiosks/KIOSK_01
//   #/settings
//
// An address is typed, pasted and sent by anybody: what is no kiosk's name never gets beyond this module.

/** So many pictures are live at once. */
export const MOST_PICTURES = 9;

/** What the server allows as an account's name. */
const IDENTIFIER = /^[A-Za-z0-9._@-]{1,64}$/;
/** As the server's lists take it. */
const TEXT = /^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]{1,128}$/;
/** A moment of the operator's own clock, as `<input type="datetime-local">` has it. */
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

const id = (value) => (IDENTIFIER.test(value) ? value : null);
const words = (value) => (TEXT.test(value) ? value : null);
const time = (value) => (LOCAL_TIME.test(value) && !Number.isNaN(Date.parse(value)) ? value : null);
/** The first stands for whatever is none of them. */
const oneOf = (...names) => (value) => (names.includes(value) ? value : names[0]);
const oneOrNone = (...names) => (value) => (names.includes(value) ? value : null);

/** The pages of records, and what each may be narrowed to. */
const QUERIES = Object.freeze({
  crew: { tab: oneOf('now', 'duty', 'history'), kiosk: id, person: words, from: time, to: time },
  audit: { tab: oneOf('sessions', 'lines'), session: id, kiosk: id, state: oneOrNone('open', 'ended'), group: oneOrNone('watching', 'sign-in', 'accounts', 'server'), who: words },
  people: { tab: oneOf('people', 'kiosks') },
});

const ROOM = Object.freeze({ page: 'room', kiosks: null, focus: null, isWall: false, isKnown: true });

/**
 * What an address's fragment says: `{page: 'room'|'crew'|'audit'|'people'|'kiosk'|'settings', kiosks, focus, isWall, isKnown}`
 * - kiosks: of the room, each once, at most `MOST_PICTURES`; null where the address names none: the pictures stay as they are.
 * - focus: one of them, or null.
 * - isWall: whether only the pictures are shown.
 * - isKnown: false where there is no such page; the room stands in for it.
 * - query: of a page of records, what it is narrowed to: a value or null for each name of `QUERIES`. - kioskId: of a kiosk's own page.
 */
export function parseRoute(fragment) {
  const [, path, query] = /^#?\/?([^?]*)\??(.*)$/s.exec(String(fragment));
  const [, kioskId] = /^kiosks\/(.+)$/s.exec(path) ?? [];
  if (kioskId !== undefined) return id(kioskId) ? { ...ROOM, page: 'kiosk', kioskId } : { ...ROOM, isKnown: false };
  if (Object.hasOwn(QUERIES, path)) return { ...ROOM, page: path, query: narrowed(QUERIES[path], new URLSearchParams(query)) };
  switch (path) {
    case '': return ROOM;
    case 'room': return room(new URLSearchParams(query));
    case 'settings': return { ...ROOM, page: 'settings' };
    default: return { ...ROOM, isKnown: false };
  }
}

function narrowed(known, parameters) {
  return Object.fromEntries(Object.entries(known).map(([name, read]) => [name, read(parameters.get(name) ?? '')]));
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
export function writeRoute({ page, kiosks = null, focus = null, isWall = false, query = {}, kioskId = '' }) {
  if (page === 'kiosk') return `#/kiosks/${kioskId}`;
  if (page !== 'room') {
    const known = Object.entries(QUERIES[page] ?? {});
    const named = new URLSearchParams(known.filter(([name, read]) => (query[name] ?? '') !== '' && query[name] !== read('')).map(([name]) => [name, query[name]]));
    return named.toString() ? `#/${page}?${named}` : `#/${page}`;
  }
  const parts = [];
  if (kiosks?.length) parts.push(`kiosks=${kiosks.join(',')}`);
  if (kiosks?.length && focus !== null) parts.push(`focus=${focus}`);
  if (isWall) parts.push('wall=1');
  return parts.length > 0 ? `#/room?${parts.join('&')}` : '#/room';
}

/** Whether a role has anything to see on a page: administrators watch nobody, and monitors administer nothing. */
export function mayOpen(role, page) {
  switch (page) {
    case 'room': return role !== 'admin';
    case 'audit':
    case 'people': return role === 'admin';
    default: return true;
  }
}

/** Where a role begins. */
export const homeOf = (role) => (role === 'admin' ? 'people' : 'room');
