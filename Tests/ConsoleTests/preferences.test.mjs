// What the operator chose: whatever was kept, the page opens.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keepPreferences } from '../../Sources/ConsolePage/Page/app/keeping.js';
import { limited } from '../../Sources/ConsolePage/Page/media/quality.js';
import { poseOf, USUAL, withPose } from '../../Sources/ConsolePage/Page/state/chosen/poses.js';
import { readPreferences, USUAL_PREFERENCES, withPin } from '../../Sources/ConsolePage/Page/state/chosen/preferences.js';
import { MOST_SETS, setOf, withSet } from '../../Sources/ConsolePage/Page/state/chosen/sets.js';
import { EMPTY, reduce, Store } from '../../Sources/ConsolePage/Page/state/store.js';

const chose = (state, name, value) => reduce(state, { type: 'preferred', name, value });

test('where nothing was chosen, everything is as usual', () => {
  const usual = { language: null, appearance: 'dark', list: 'open', crew: 'open', order: 'name', quality: 'best', keys: true, sounds: true, notifications: false, stillThere: 120, pinned: [], poses: [], sets: Array(MOST_SETS).fill(null) };
  for (const kept of [null, undefined, 7, 'x', [], {}, { constructor: 'x', __proto__: { appearance: 'light' } }]) assert.deepEqual({ ...readPreferences(kept) }, usual);
});

test('what is none of the choices is as if it were not there', () => {
  const odd = { language: '<b>', appearance: 'pink', keys: 'no', stillThere: 1, pinned: ['K1', 7, '<img>', 'K1', 'x'.repeat(65)], poses: [null, [1], ['K1', { turns: 'x' }], ['K2', { turns: 1, fills: 'yes' }]], sets: ['#/room?kiosks=K1,<b>', 7] };
  const read = readPreferences(odd);
  assert.deepEqual([read.language, read.appearance, read.keys, read.stillThere], [null, 'dark', true, 120]);
  assert.deepEqual(read.pinned, ['K1']);
  assert.deepEqual(read.poses, [['K2', { turns: 1, fills: false }]]);
  assert.deepEqual(read.sets.map(setOf).filter(Boolean), [{ kiosks: ['K1'], focus: null }]);
  assert.deepEqual({ ...readPreferences(JSON.parse(JSON.stringify(read))) }, { ...read }, 'what is kept reads as what was chosen');
});

test('a choice changes itself and nothing else, and outlives signing out', () => {
  const state = chose(EMPTY, 'quality', 'low');
  assert.deepEqual({ ...state.preferences }, { ...USUAL_PREFERENCES, quality: 'low' });
  assert.equal(chose(state, 'quality', 'low'), state);
  assert.equal(chose(state, 'quality', 'absurd').preferences.quality, 'best');
  assert.equal(reduce(state, { type: 'signed-out' }).preferences, state.preferences);
  for (const name of ['absurd', 'constructor', '__proto__']) assert.throws(() => chose(EMPTY, name, 1), TypeError);
});

test('preferences are read once, kept at each change, and follow another window without an echo', () => {
  const kept = { text: '{"quality":"low"}', writes: 0, heard: () => {} };
  const store = new Store();
  keepPreferences(store, { read: () => JSON.parse(kept.text), write: (all) => { kept.text = JSON.stringify(all); kept.writes += 1; }, changed: (heard) => { kept.heard = heard; } });
  assert.deepEqual([store.state.preferences.quality, kept.writes], ['low', 0]);
  store.dispatch({ type: 'preferred', name: 'order', value: 'place' });
  store.dispatch({ type: 'measured', kioskId: 'K1', figures: { at: 1 } });
  assert.deepEqual([JSON.parse(kept.text).order, JSON.parse(kept.text).quality, kept.writes], ['place', 'low', 1]);
  kept.text = '{"order":"name","appearance":"light"}';
  kept.heard();
  assert.deepEqual([store.state.preferences.order, store.state.preferences.appearance], ['name', 'light']);
  store.dispatch({ type: 'preferred', name: 'keys', value: false });
  assert.equal(JSON.parse(kept.text).appearance, 'light');
});

test('poses, sets and pins are as long as they may be', () => {
  let poses = [];
  for (let number = 0; number < 510; number += 1) poses = withPose(poses, `K${number}`, { turns: 1, fills: false });
  assert.deepEqual([poses.length, poseOf(poses, 'K0'), poseOf(poses, 'K509').turns], [500, USUAL, 1]);
  assert.equal(withPose(poses, 'K509', USUAL).length, 499, 'what lies as usual is not remembered');
  const sets = withSet(USUAL_PREFERENCES.sets, 2, { kiosks: ['K1', 'K2'], focus: 'K2' });
  assert.deepEqual(setOf(sets[2]), { kiosks: ['K1', 'K2'], focus: 'K2' });
  assert.equal(withSet(sets, 2, null)[2], null);
  assert.deepEqual(withPin(withPin(['K1'], 'K2', true), 'K1', false), ['K2']);
  assert.equal(readPreferences({ pinned: Array.from({ length: 200 }, (_, k) => `K${k}`) }).pinned.length, 100);
});

test('a lower quality is a limit in the section of the picture, and in no other', () => {
  const sdp = 'v=0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n';
  assert.equal(limited(sdp, 'best'), sdp);
  assert.equal(limited(sdp, 'low'), sdp.replace('c=IN IP4 0.0.0.0\r\na=mid:0', 'c=IN IP4 0.0.0.0\r\nb=TIAS:200000\r\na=mid:0'));
  assert.match(limited(sdp.replace(/c=IN[^\n]*\n/g, ''), 'medium'), /m=video [^\n]*\nb=TIAS:600000\r\na=mid:0/);
  const silent = sdp.slice(0, sdp.indexOf('m=video'));
  assert.equal(limited(silent, 'low'), silent);
});
