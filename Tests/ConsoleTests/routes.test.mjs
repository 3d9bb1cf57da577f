// Addresses are read and written; what is no kiosk's name stays outside.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { homeOf, mayOpen, MOST_PICTURES, parseRoute, writeRoute } from '../../Sources/ConsolePage/Page/state/routes.js';

const room = (kiosks, focus = null, isWall = false) => ({ page: 'room', kiosks, focus, isWall, isKnown: true });

test('what is written is read', () => {
  for (const route of [room(['KIOSK_01']), room(['a', 'B.2', 'x@y-z_0'], 'B.2'), room(null), room(null, null, true), room(['A', 'B'], 'A', true), { ...room(null), page: 'settings' }]) {
    assert.deepEqual(parseRoute(writeRoute(route)), route);
  }
  assert.equal(writeRoute(room(['A', 'B'], 'B')), '#/room?kiosks=A,B&focus=B');
  assert.equal(writeRoute(room(['A'], null, true)), '#/room?kiosks=A&wall=1');
  assert.equal(writeRoute(room([])), '#/room');
});

test('an address without a page is the room', () => {
  for (const fragment of ['', '#', '#/', '/room', '#/room', '#/room?', '#/room?focus=A', '#/room?tour=1']) assert.deepEqual(parseRoute(fragment), room(null), fragment);
});

test('an unknown page is the room, and called unknown', () => {
  for (const fragment of ['#/rooms', '#/room/', '#/ROOM', '#/constructor', '#/__proto__', '#/crews', '#/kiosks', '#/kiosks/', '#/kiosks/a/b', '#/kiosks/<b>', '#room2', '#/%72oom', '#//evil.example/', '#/settings/x', '#/room#x']) {
    assert.deepEqual(parseRoute(fragment), { ...room(null), isKnown: false }, fragment);
  }
});

test('pictures are named once each, so many as may be live, and by names', () => {
  assert.deepEqual(parseRoute('#/room?kiosks=A,B,A,,B&focus=B'), room(['A', 'B'], 'B'));
  assert.deepEqual(parseRoute('#/room?kiosks=A&focus=B'), room(['A']));
  assert.deepEqual(parseRoute('#/room?kiosks='), room([]));
  const many = Array.from({ length: 500 }, (_, number) => `K${number}`);
  assert.deepEqual(parseRoute(`#/room?kiosks=${many}&focus=K9`).kiosks, many.slice(0, MOST_PICTURES));
  assert.equal(parseRoute(`#/room?kiosks=${many}&focus=K9`).focus, null);
});

test('hostile text is nothing', () => {
  const hostile = [
    '<img src=x onerror=alert(1)>', '%3Cscript%3E', 'javascript:alert(1)', '../../api', 'a b', 'a%00b', '\u202eKSOIK', 'क', '%', '%zz', '%E0%A4%A', 'K'.repeat(65), "'", '"', '&amp;',
    '=', '?', '\n', 'K%0AX',
  ];
  for (const text of hostile) {
    const route = parseRoute(`#/room?kiosks=${text},KIOSK_01&focus=${text}`);
    for (const name of route.kiosks ?? []) assert.match(name, /^[A-Za-z0-9._@-]{1,64}$/, text);
    assert.equal(route.focus, null, text);
    assert.doesNotThrow(() => parseRoute(text));
    assert.match(writeRoute(route), /^#\/room(\?kiosks=[A-Za-z0-9._@,-]+)?$/, text);
  }
  assert.doesNotThrow(() => parseRoute(`#/room?kiosks=${'A,'.repeat(1e6)}`));
});

test('pages of records keep in the address what they are narrowed to', () => {
  const written = (route) => writeRoute(parseRoute(route));
  for (const address of [
    '#/crew', '#/crew?tab=duty', '#/crew?tab=history&kiosk=KIOSK_01&person=47+11&from=2026-01-31T04%3A05', '#/audit', '#/audit?session=AbC-9', '#/audit?tab=lines&group=sign-in&who=10.0.0.7',
    '#/people', '#/people?tab=kiosks', '#/kiosks/KIOSK_01',
  ]) assert.equal(written(address), address);
  assert.deepEqual(parseRoute('#/crew').query, { tab: 'now', kiosk: null, person: null, from: null, to: null });
  assert.equal(parseRoute('#/kiosks/a.b@c').kioskId, 'a.b@c');
  // What is none of the page's own is left out.
  assert.equal(written('#/crew?tab=__proto__&kiosk=<b>&person=&from=yesterday&to=2026-99-99T00:00&x=1'), '#/crew');
  assert.equal(written('#/crew?tab=history&person=a%00b'), '#/crew?tab=history');
  assert.equal(written('#/audit?group=constructor&state=open'), '#/audit?state=open');
  assert.equal(written(`#/audit?tab=lines&who=${'x'.repeat(129)}`), '#/audit?tab=lines');
});

test('nobody is led to a page that has nothing for them', () => {
  const open = (role) => ['room', 'crew', 'audit', 'people', 'kiosk', 'settings'].filter((page) => mayOpen(role, page));
  assert.deepEqual(open('monitor'), ['room', 'crew', 'kiosk', 'settings']);
  assert.deepEqual(open('admin'), ['crew', 'audit', 'people', 'kiosk', 'settings']);
  for (const role of ['monitor', 'admin', 'of-a-newer-server']) assert.ok(mayOpen(role, homeOf(role)));
});
