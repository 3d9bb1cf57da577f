// The list: counts, kinds, order.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { arranged, countKinds, isOfKind, KIND_NAMES, placeOf } from '../../Sources/ConsolePage/Page/state/listing.js';
import { faultsOf } from '../../Sources/ConsolePage/Page/state/status.js';
import { EMPTY, reduce } from '../../Sources/ConsolePage/Page/state/store.js';

const kiosk = (kioskId, more = {}) => ({ kioskId, displayName: `Name ${kioskId}`, online: true, monitoredBy: null, status: { camera: 'idle' }, ...more });
const listed = (kiosks, watching = []) => {
  let state = reduce(EMPTY, { type: 'server', name: 'kiosk-list', payload: { kiosks } });
  for (const kioskId of watching) state = reduce(state, { type: 'watching', kioskId, phase: 'live' });
  return state.kiosks;
};
const some = () => listed([
  kiosk('K10'), kiosk('K9'), kiosk('K2', { online: false, status: { camera: 'missing' } }), kiosk('K3', { status: { camera: 'missing' } }),
  kiosk('K4', { monitoredBy: 'M2' }), kiosk('K5', { monitoredBy: 'M1' }), kiosk('K6', { status: { microphone: 'silent' }, displayName: '' }),
], ['K5']);
const byNumber = (a, b) => a.localeCompare(b, 'en', { numeric: true });

test('every kiosk is counted once in each of its kinds', () => {
  assert.deepEqual(countKinds(some()), { online: 6, offline: 1, faulty: 2, watched: 2, mine: 1 });
  assert.deepEqual(countKinds(EMPTY.kiosks), { online: 0, offline: 0, faulty: 0, watched: 0, mine: 0 });
});

test('a count is the number of kiosks that its kind shows', () => {
  const kiosks = some();
  for (const kind of KIND_NAMES) {
    assert.equal([...kiosks.byId.keys()].filter((kioskId) => isOfKind(kiosks, kioskId, kind)).length, countKinds(kiosks)[kind], kind);
  }
  assert.ok([...kiosks.byId.keys()].every((kioskId) => isOfKind(kiosks, kioskId, null)));
});

const parts = (kiosks, order) => arranged(kiosks, { compare: byNumber, order }).map(({ head, place, kioskIds }) => [place ? `${head} ${place}` : head, ...kioskIds]);

test('faults come first, then mine, then all others, by name', () => {
  assert.deepEqual(parts(some(), 'name'), [['faulty', 'K6', 'K3'], ['mine', 'K5'], ['others', 'K2', 'K4', 'K9', 'K10']]);
  const alike = listed([kiosk('B', { displayName: 'same' }), kiosk('A', { displayName: 'same' })]);
  assert.deepEqual(parts(alike, 'name'), [['others', 'A', 'B']]);
  assert.deepEqual(parts(EMPTY.kiosks, 'name'), []);
});

test('a place is what a name has behind its last comma, and heads a part of its own', () => {
  assert.deepEqual(['Lobby, Central', 'Gate 3, West, Pune ', 'Depot', 'Odd,', ''].map(placeOf), ['Central', 'Pune', '', '', '']);
  const kiosks = listed([
    kiosk('K1', { displayName: 'Lobby, Pune' }), kiosk('K2', { displayName: 'Gate, Central' }), kiosk('K3', { displayName: 'Depot' }),
    kiosk('K4', { displayName: 'Hall, Central' }), kiosk('K5', { displayName: 'Yard, Pune', status: { camera: 'lost' } }), kiosk('K6', { displayName: 'x, constructor' }),
  ], ['K1']);
  assert.deepEqual(parts(kiosks, 'place'), [['faulty', 'K5'], ['mine', 'K1'], ['place Central', 'K2', 'K4'], ['place constructor', 'K6'], ['nowhere', 'K3']]);
  assert.deepEqual(parts(listed([kiosk('K1', { displayName: 'Lobby, Pune' })]), 'place'), [['place Pune', 'K1']]);
});

test('a fault is what a heartbeat says in the words of the contract', () => {
  for (const fine of [null, undefined, {}, { camera: 'none', microphone: 'live', network: 'ok', memory: 'ample', temperature: 79.9, outbox: 0, live: true }]) assert.deepEqual(faultsOf(fine), []);
  assert.deepEqual(faultsOf({ camera: 'covered', temperature: 80, outbox: 2, clock: 'wrong' }).map(({ part }) => part), ['camera', 'clock', 'temperature', 'outbox']);
  assert.deepEqual(faultsOf({ camera: {}, memory: 3, temperature: '99', outbox: null, storage: ['full'], constructor: 'x' }), []);
  assert.deepEqual(faultsOf({ camera: 'of-a-newer-kiosk' }), [{ part: 'camera', value: 'of-a-newer-kiosk' }]);
});
