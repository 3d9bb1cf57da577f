// What calls the operator, what other windows tell, what is spoken, and whether anybody is there.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WindowChannel } from '../../Sources/ConsolePage/Page/net/windowchannel.js';
import { alarms, countFaulty } from '../../Sources/ConsolePage/Page/state/alarms.js';
import { faultySince, onlineSince } from '../../Sources/ConsolePage/Page/state/health.js';
import { shownName } from '../../Sources/ConsolePage/Page/state/payload.js';
import { ASKED_FOR, HERE, passed, touched } from '../../Sources/ConsolePage/Page/state/presence.js';
import { isEmpty, NOTHING, sentences, withCrew, withLine, withPicture } from '../../Sources/ConsolePage/Page/state/spoken.js';
import { EMPTY, reduce } from '../../Sources/ConsolePage/Page/state/store.js';
import { FORGOTTEN_AFTER, watchedElsewhere } from '../../Sources/ConsolePage/Page/state/windows.js';
import { say } from '../../Sources/ConsolePage/Page/words/language.js';

const told = (state, name, payload, at = 0) => reduce(state, { type: 'server', name, payload, at });
const kiosk = (kioskId, status = {}, online = true) => ({ kioskId, displayName: kioskId, online, status });
const listed = (...kiosks) => told(EMPTY, 'kiosk-list', { kiosks }, 1_000);

// Calls

test('a pinned kiosk calls when it goes, and with each fault that is new', () => {
  const state = listed(kiosk('K1'), kiosk('K2', { camera: 'lost' }), kiosk('K3'));
  assert.equal(countFaulty(state.kiosks), 1);
  const calls = (name, payload, ids = ['K1', 'K2']) => alarms(state.kiosks, told(state, name, payload, 2_000).kiosks, ids);
  assert.deepEqual(calls('kiosk-status', kiosk('K1', { camera: 'covered', outbox: 2 })), [{ kioskId: 'K1', isOffline: false, faults: [{ part: 'camera', value: 'covered' }, { part: 'outbox', value: 2 }] }]);
  assert.deepEqual(calls('kiosk-offline', kiosk('K1', null, false)), [{ kioskId: 'K1', isOffline: true, faults: [] }]);
  assert.deepEqual(calls('kiosk-status', kiosk('K2', { camera: 'lost' })), [], 'an old fault calls again');
  assert.deepEqual(calls('kiosk-status', kiosk('K2', { camera: 'failed' }))[0].faults, [{ part: 'camera', value: 'failed' }]);
  assert.deepEqual(calls('kiosk-status', kiosk('K2', { camera: 'live' })), [], 'a fault that is over calls');
  assert.deepEqual(calls('kiosk-offline', kiosk('K3', null, false)), [], 'one that is not pinned calls');
  assert.deepEqual(calls('kiosk-status', kiosk('K1', { camera: 'lost' }), ['K9', '__proto__']), []);
});

test('what was not known before is no news', () => {
  const first = listed(kiosk('K1', { camera: 'lost' }));
  assert.deepEqual(alarms(EMPTY.kiosks, first.kiosks, ['K1']), []);
  const away = told(first, 'kiosk-offline', kiosk('K1', null, false), 2_000);
  const back = told(away, 'kiosk-online', kiosk('K1', { camera: 'lost' }), 3_000);
  assert.deepEqual(alarms(away.kiosks, back.kiosks, ['K1']), []);
  const more = told(back, 'kiosk-status', kiosk('K1', { camera: 'lost', outbox: 3 }), 3_100);
  const grown = told(more, 'kiosk-status', kiosk('K1', { camera: 'lost', outbox: 9 }), 3_200);
  assert.deepEqual(alarms(more.kiosks, grown.kiosks, ['K1']), [], 'a figure that grows calls');
});

// Since when

test('since when is known of what the page has seen begin', () => {
  const lost = { part: 'camera', value: 'lost' };
  let state = listed(kiosk('K1', { camera: 'lost' }), kiosk('K2'));
  assert.deepEqual([faultySince(state.health, 'K1', lost), onlineSince(state.health, 'K1'), onlineSince(state.health, 'K9')], [0, 0, 0], 'it may have been so for long');
  state = told(state, 'kiosk-status', kiosk('K2', { camera: 'lost' }), 2_000);
  state = told(state, 'kiosk-status', kiosk('K2', { camera: 'lost', clock: 'wrong' }), 3_000);
  assert.equal(faultySince(state.health, 'K2', lost), 2_000, 'another fault makes it younger');
  assert.equal(faultySince(state.health, 'K2', { part: 'clock', value: 'wrong' }), 3_000);
  assert.equal(faultySince(state.health, 'K2', { part: 'camera', value: 'failed' }), 0);
  state = told(told(state, 'kiosk-offline', kiosk('K2', null, false), 4_000), 'kiosk-online', kiosk('K2'), 5_000);
  assert.equal(onlineSince(state.health, 'K2'), 5_000);
  // What was found after the line had been away began at an unknown moment.
  state = told(state, 'kiosk-list', { kiosks: [kiosk('K2', { camera: 'lost' })] }, 9_000);
  assert.equal(faultySince(state.health, 'K2', lost), 0);
  assert.equal(onlineSince(state.health, 'K2'), 5_000);
});

// Windows

test('windows of one person know of each other, and of nobody else', () => {
  let state = EMPTY;
  const heard = (message, at = 0) => { state = reduce(state, { type: 'window', message, at }); };
  for (const odd of [null, 7, 'x', [], {}, { windowId: 7 }, { windowId: '' }]) heard(odd);
  assert.equal(state, EMPTY);
  heard({ windowId: 'a', accountId: 'M1', kiosks: ['K1', 7, null, 'K2'] });
  heard({ windowId: 'b', accountId: 'M2', kiosks: ['K3'] });
  heard({ windowId: '__proto__', accountId: 'M1', kiosks: ['K4'] });
  assert.deepEqual([...watchedElsewhere(state.windows, 'M1')], ['K1', 'K2', 'K4']);
  heard({ windowId: 'a', accountId: 'M1', kiosks: 'K9' }, 50);
  heard({ windowId: '__proto__', isLeaving: true });
  assert.deepEqual([...watchedElsewhere(state.windows, 'M1')], []);
  heard({ windowId: 'b', accountId: null });
  assert.deepEqual([...watchedElsewhere(state.windows, 'M2')], [], 'who signed out watches still');
  heard({ windowId: 'a', accountId: 'M1', kiosks: ['K1'] }, 50);
  assert.equal(reduce(state, { type: 'windows-aged', now: 49 + FORGOTTEN_AFTER }), state);
  assert.equal(reduce(state, { type: 'windows-aged', now: 50 + FORGOTTEN_AFTER }).windows.byId.size, 0, 'a window that crashed watches for ever');
});

test('a window asks when it opens, answers, says what is new, and leaves', () => {
  const said = [];
  let tick = null;
  const channel = { onmessage: null, postMessage: (message) => said.push(message) };
  const heard = [];
  const one = new WindowChannel({ heard: (message) => heard.push(message), windowId: 'w', channel, every: (work) => { tick = work; } });
  assert.deepEqual(said.splice(0), [{ windowId: 'w', accountId: null, kiosks: [], isAsking: true }]);
  tick();
  assert.deepEqual(said, [], 'who is not signed in has nothing to say');
  one.tell('M1', ['K1']);
  one.tell('M1', ['K1']);
  assert.deepEqual(said.splice(0), [{ windowId: 'w', accountId: 'M1', kiosks: ['K1'] }]);
  channel.onmessage({ data: { windowId: 'x', isAsking: true } });
  assert.deepEqual(said.splice(0), [{ windowId: 'w', accountId: 'M1', kiosks: ['K1'] }]);
  channel.onmessage({ data: null });
  channel.onmessage({ data: { windowId: 'x' } });
  tick();
  one.leave();
  assert.deepEqual([said.length, said[1].isLeaving, heard.length], [2, true, 3]);
});

// Still there

test('after a while without a hand the page asks, and a minute later it stops', () => {
  const minutes = 30;
  const watching = (presence, now, more = {}) => passed(presence, { now, minutes, isWatching: true, ...more });
  let presence = watching(touched(0), 30 * 60_000 - 1);
  assert.equal(presence.phase, 'here');
  presence = watching(presence, 30 * 60_000);
  assert.deepEqual(presence, { phase: 'asked', since: 1_800_000 });
  assert.equal(touched(1_800_001).phase, 'here');
  assert.equal(watching(presence, 1_800_000 + ASKED_FOR - 1).phase, 'asked');
  presence = watching(presence, 1_800_000 + ASKED_FOR);
  assert.equal(presence.phase, 'gone');
  assert.equal(watching(presence, 2_000_000, { isWatching: false }).phase, 'here');
  assert.equal(passed(HERE, { now: 1e9, minutes: 0, isWatching: true }).phase, 'here', 'asked where it shall not');
  assert.equal(passed(HERE, { now: 1e9, minutes, isWatching: false }).phase, 'here', 'asked who watches nothing');
  assert.equal(watching({ phase: 'asked', since: 0 }, 10, { minutes: 0 }).phase, 'here');
});

// Spoken

test('much at once is told in one breath', () => {
  let waiting = withPicture(withPicture(NOTHING, 'K1', 'Lobby', 'No new picture'), 'K1', 'Lobby', 'Live');
  waiting = withCrew(withLine(waiting, 'Server away'), 'Maria signed on');
  assert.deepEqual(sentences(waiting, say), ['Server away', 'Lobby: Live.', 'Maria signed on']);
  for (let number = 2; number < 10; number += 1) waiting = withCrew(withPicture(waiting, `K${number}`, 'x', 'y'), 'z');
  assert.deepEqual(sentences(waiting, say), ['Server away', '9 pictures have changed.', '9 crew events.']);
  assert.deepEqual([isEmpty(NOTHING), isEmpty(waiting), sentences(NOTHING, say)], [true, false, []]);
});

// Names

test('a name that cannot be seen is none, and one that turns the text is isolated', () => {
  assert.equal(shownName(' Lobby '), 'Lobby');
  for (const blank of ['', '  ', '\u200b\u00a0', '\u202e\u2066', null, 7, {}]) assert.equal(shownName(blank), '', JSON.stringify(blank));
  assert.equal(shownName('Depot \u202e3'), 'Depot 3');
  assert.equal(shownName('\u05e9\u05dc\u05d5\u05dd'), '\u2068\u05e9\u05dc\u05d5\u05dd\u2069');
  assert.equal(shownName('दादर, मुंबई'), 'दादर, मुंबई');
  assert.equal(told(EMPTY, 'kiosk-list', { kiosks: [{ kioskId: 'K1', displayName: ' \u200f ' }] }).kiosks.byId.get('K1').displayName, '');
});
