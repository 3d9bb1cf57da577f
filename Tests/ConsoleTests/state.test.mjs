// The page's state without a page: `node --test Tests/ConsoleTests`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isFree, nameOf } from '../../Sources/ConsolePage/Page/state/kiosks.js';
import { MOST } from '../../Sources/ConsolePage/Page/state/crew.js';
import { soundOf } from '../../Sources/ConsolePage/Page/state/sound.js';
import { EMPTY, reduce, Store } from '../../Sources/ConsolePage/Page/state/store.js';

const told = (state, name, payload) => reduce(state, { type: 'server', name, payload });
const kiosk = (number, more = {}) => ({
  kioskId: `K${number}`, displayName: `Kiosk ${number}`, online: true, lastSeen: '2026-01-01T00:00:00Z', monitoredBy: null, status: { camera: 'idle' }, ...more,
});
const listed = (...kiosks) => told(EMPTY, 'kiosk-list', { kiosks });

test('a list replaces what was known', () => {
  const state = told(listed(kiosk(1), kiosk(2)), 'kiosk-list', { kiosks: [kiosk(2), kiosk(3)] });
  assert.deepEqual([...state.kiosks.byId.keys()], ['K2', 'K3']);
  assert.equal(state.kiosks.isLoaded, true);
});

test('a change keeps what it does not name', () => {
  const state = told(listed(kiosk(1)), 'kiosk-offline', { kioskId: 'K1', online: false, status: null });
  assert.deepEqual(state.kiosks.byId.get('K1'), {
    kioskId: 'K1', displayName: 'Kiosk 1', online: false, lastSeen: Date.UTC(2026, 0, 1), monitoredBy: null, status: null,
  });
});

test('a kiosk that is new is one more', () => {
  const state = told(listed(kiosk(1)), 'kiosk-online', kiosk(2));
  assert.equal(state.kiosks.byId.size, 2);
  assert.equal(nameOf(state.kiosks, 'K2'), 'Kiosk 2');
  assert.equal(nameOf(state.kiosks, 'K9'), 'K9');
});

test('events leave what they do not concern as it is', () => {
  const state = listed(kiosk(1), kiosk(2));
  const next = told(state, 'kiosk-status', { kioskId: 'K1', status: { camera: 'missing' } });
  assert.equal(next.crew, state.crew);
  assert.equal(next.connection, state.connection);
  assert.equal(next.kiosks.byId.get('K2'), state.kiosks.byId.get('K2'));
  assert.notEqual(next.kiosks.byId.get('K1'), state.kiosks.byId.get('K1'));
  assert.equal(told(state, 'of-a-newer-server', {}), state);
});

test('odd payloads change nothing, whatever their event', () => {
  const state = told(listed(kiosk(1)), 'crew-sign-on', { eventId: 'e', crewId: '1' });
  const names = ['kiosk-list', 'kiosk-online', 'kiosk-offline', 'kiosk-status', 'crew-sign-on', 'crew-sign-off', 'constructor', '__proto__'];
  const payloads = [undefined, null, 0, 'text', [], {}, { kioskId: null }, { kioskId: {} }, { kioskId: '' }, { kiosks: {} }, { eventId: 7 }, { eventId: '' }];
  for (const name of names) for (const payload of payloads) assert.equal(told(state, name, payload), state, `${name} ${JSON.stringify(payload)}`);
});

test('fields of a wrong type are as if they were not there', () => {
  const state = listed({ kioskId: 'K1', displayName: 7, online: 'yes', lastSeen: {}, monitoredBy: [], status: 'good' }, null, 3, { kioskId: 5 });
  assert.deepEqual([...state.kiosks.byId.values()], [{ kioskId: 'K1', displayName: '', online: false, lastSeen: 0, monitoredBy: null, status: null }]);
});

test('a kiosk is free while it is online and nobody else watches it', () => {
  const { kiosks } = listed(kiosk(1), kiosk(2, { online: false }), kiosk(3, { monitoredBy: 'M1' }), kiosk(4, { monitoredBy: 'M2' }));
  assert.deepEqual(['K1', 'K2', 'K3', 'K4', 'K9'].map((id) => isFree(kiosks, id, 'M1')), [true, false, true, false, true]);
});

test('what this console watches is kept beside', () => {
  let state = reduce(listed(kiosk(1)), { type: 'watching', kioskId: 'K1', phase: 'live' });
  assert.equal(state.kiosks.watching.get('K1'), 'live');
  assert.equal(reduce(state, { type: 'watching', kioskId: 'K1', phase: 'live' }), state);
  state = reduce(state, { type: 'watching', kioskId: 'K1', phase: null });
  assert.equal(state.kiosks.watching.size, 0);
});

test('crew events are ordered by their own time, once each, the latest of them', () => {
  const at = (second) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  let state = EMPTY;
  for (const [id, second] of [['a', 10], ['b', 30], ['c', 20], ['b', 40]]) {
    state = told(state, 'crew-sign-on', { eventId: id, crewId: '4711', occurredAt: at(second) });
  }
  assert.deepEqual(state.crew.events.map((one) => one.eventId), ['b', 'c', 'a']);
  assert.equal(state.crew.received, 3);
  for (let number = 0; number < MOST + 5; number += 1) state = told(state, 'crew-sign-off', { eventId: `n${number}`, occurredAt: at(number) });
  assert.equal(state.crew.events.length, MOST);
});

test('a crew event without a readable time is shown, as the oldest', () => {
  const state = told(told(EMPTY, 'crew-sign-on', { eventId: 'a', occurredAt: '2026-01-01T00:00:00Z' }), 'crew-sign-off', { eventId: 'b', occurredAt: 'yesterday', name: 5 });
  assert.deepEqual(state.crew.events.map((one) => [one.eventId, one.isSignOn, one.name]), [['a', true, null], ['b', false, null]]);
});

test('the connection remembers that there was one', () => {
  let state = reduce(EMPTY, { type: 'connection', state: 'connecting' });
  assert.deepEqual(state.connection, { state: 'connecting', retryAt: null, wasConnected: false });
  state = reduce(state, { type: 'connection', state: 'connected' });
  state = reduce(state, { type: 'connection', state: 'waiting', retryAt: 5 });
  assert.deepEqual(state.connection, { state: 'waiting', retryAt: 5, wasConnected: true });
});

test('one picture is heard: the one with the focus, or the one that is pinned', () => {
  const heard = (state) => ['A', 'B', 'C'].map((id) => soundOf(state.sound, id)).join();
  const does = (state, type, kioskId, more = {}) => reduce(state, { type, kioskId, ...more });
  let state = does(does(EMPTY, 'looked-at', 'A'), 'looked-at', 'B');
  assert.equal(heard(state), 'off,on,off');
  assert.equal(does(state, 'looked-at', 'B'), state);
  state = does(does(state, 'pinned', 'A', { on: true }), 'looked-at', 'C');
  assert.equal(heard(state), 'pinned,off,off');
  state = does(does(state, 'pinned', 'A', { on: false }), 'looked-at', 'C');
  assert.equal(heard(state), 'off,off,on');
  // Who wants to hear nothing hears nothing, whatever gets the focus, until a sound is asked for.
  state = does(does(state, 'sound', 'C', { on: false }), 'looked-at', 'A');
  assert.equal(heard(state), 'off,off,off');
  assert.equal(heard(does(state, 'sound', 'B', { on: true })), 'off,on,off');
  assert.equal(heard(does(state, 'sound', 'B', { on: false })), 'off,off,off');
  // The sound of a pinned picture goes with it.
  state = does(does(EMPTY, 'pinned', 'A', { on: true }), 'closed', 'B', { next: 'C' });
  assert.equal(heard(state), 'pinned,off,off');
  state = does(state, 'closed', 'A', { next: 'C' });
  assert.equal(heard(state), 'off,off,on');
  assert.equal(heard(does(state, 'closed', 'C', { next: null })), 'off,off,off');
  assert.deepEqual(reduce(state, { type: 'signed-out' }), EMPTY);
});

test('signing out forgets everything', () => {
  const state = told(told(listed(kiosk(1)), 'crew-sign-on', { eventId: 'e' }), 'kiosk-online', kiosk(2));
  assert.deepEqual(reduce(state, { type: 'signed-out' }), EMPTY);
});

test('views are told of changes only, with what was before', () => {
  const store = new Store();
  const seen = [];
  store.subscribe((state, before) => seen.push([state.kiosks.byId.size, before.kiosks.byId.size]));
  store.dispatch({ type: 'server', name: 'kiosk-list', payload: null });
  store.dispatch({ type: 'server', name: 'kiosk-list', payload: { kiosks: [kiosk(1)] } });
  assert.deepEqual(seen, [[0, 0], [1, 0]]);
});
