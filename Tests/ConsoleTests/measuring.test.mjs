// Pictures are measured in turn, and what was measured is kept for two minutes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readFigures } from '../../Sources/ConsolePage/Page/media/figures.js';
import { Meter, nextTurn } from '../../Sources/ConsolePage/Page/media/meter.js';
import { KEPT, MOST_READINGS } from '../../Sources/ConsolePage/Page/state/readings.js';
import { PictureWatch } from '../../Sources/ConsolePage/Page/media/picturewatch.js';
import { EMPTY, reduce } from '../../Sources/ConsolePage/Page/state/store.js';
import { HEIGHT, paths, WIDTH } from '../../Sources/ConsolePage/Page/views/room/graph.js';

class Fake {
  calls = 0;
  checks = 0;
  figures = null;
  isMeasurable = true;
  isInTrouble = false;
  constructor(kioskId) { this.kioskId = kioskId; }
  async measure() { this.calls += 1; this.figures = { at: performance.now() }; }
  check() { this.checks += 1; }
}

/** A meter over these sessions whose timers turn when they are told to. */
function metered(sessions, more = {}) {
  const timers = [];
  const told = [];
  new Meter({
    sessions: () => sessions, isLookedAt: () => false, measured: ({ kioskId }) => told.push(kioskId), every: (work, pause) => timers.push({ work, pause }), ...more,
  });
  const [second] = timers.filter(({ pause }) => pause === 1_000);
  return { timers, told, second: async () => { second.work(); await new Promise(setImmediate); } };
}

test('nine pictures need two timers and one getStats a second', async () => {
  const sessions = Array.from({ length: 9 }, (_, number) => new Fake(`K${number}`));
  const meter = metered(sessions);
  assert.equal(meter.timers.length, 2);
  for (let turn = 0; turn < 18; turn += 1) await meter.second();
  assert.equal(meter.told.length, 18);
  assert.deepEqual(sessions.map(({ calls }) => calls), Array(9).fill(2));
  meter.timers.find(({ pause }) => pause === 100).work();
  assert.deepEqual(sessions.map(({ checks }) => checks), Array(9).fill(1));
});

test('one that answers late delays no other and is not asked twice at once', async () => {
  const [slow, quick] = [new Fake('slow'), new Fake('quick')];
  let answer;
  slow.measure = () => { slow.calls += 1; return new Promise((resolve) => { answer = resolve; }); };
  const meter = metered([slow, quick]);
  for (let turn = 0; turn < 4; turn += 1) await meter.second();
  assert.deepEqual([slow.calls, quick.calls], [1, 0]);
  answer();
  slow.figures = { at: performance.now() };
  await new Promise(setImmediate);
  await meter.second();
  assert.equal(quick.calls, 1);
});

test('one that fails is passed over', async () => {
  const [bad, good] = [new Fake('bad'), new Fake('good')];
  bad.measure = async () => { bad.calls += 1; bad.figures = { at: performance.now() }; throw new Error('gone'); };
  const meter = metered([bad, good]);
  for (let turn = 0; turn < 4; turn += 1) await meter.second();
  assert.deepEqual([bad.calls, good.calls], [2, 2]);
  assert.deepEqual(meter.told, ['good', 'good']);
});

test('none is measured before there is a connection, nor where there is none to measure', async () => {
  const early = new Fake('early');
  early.isMeasurable = false;
  const meter = metered([early]);
  await meter.second();
  assert.equal(early.calls, 0);
  await metered([]).second();
});

test('trouble and eyes come four times as often', () => {
  const waits = (since, isPreferred) => ({ session: `${since}${isPreferred}`, since, isPreferred });
  assert.equal(nextTurn([waits(0, false), waits(700, true)], 1000), '700true');
  assert.equal(nextTurn([waits(0, false), waits(800, true)], 1000), '0false');
  assert.equal(nextTurn([waits(0, true), waits(-Infinity, false)], 1000), '-Infinityfalse');
  assert.equal(nextTurn([], 1000), null);
});

const measured = (state, kioskId, at, more = {}) => reduce(state, { type: 'measured', kioskId, figures: { at, bitrate: 1, lossRate: 0, roundTrip: null, framesDecoded: 3, ...more } });

test('two minutes are kept of each picture, and no more', () => {
  let state = EMPTY;
  for (let second = 0; second < 300; second += 1) {
    state = measured(state, 'A', second * 1_000);
    if (second % 9 === 0) state = measured(state, 'B', second * 1_000);
  }
  const { latest, history } = state.readings.byId.get('A');
  assert.equal(latest.at, 299_000);
  assert.equal(history.length, MOST_READINGS);
  assert.ok(history.every(({ at }) => at > 299_000 - KEPT));
  assert.deepEqual(history.at(-1), { at: 299_000, bitrate: 1, lossRate: 0, roundTrip: null, jitter: null, frameRate: null });
  assert.equal(state.readings.byId.get('B').history.length, 14);
  // Forgotten with its last reading; others stay the same objects.
  const next = measured(state, 'C', 299_000 + KEPT - 1);
  assert.deepEqual([...next.readings.byId.keys()], ['A', 'C']);
  assert.equal(next.readings.byId.get('A'), state.readings.byId.get('A'));
  assert.equal(reduce(next, { type: 'signed-out' }).readings.byId.size, 0);
  for (let quick = 0; quick < 500; quick += 1) state = measured(state, 'D', 300_000 + quick);
  assert.equal(state.readings.byId.get('D').history.length, MOST_READINGS);
});

test('a graph has the newest at its right edge, and gaps where nothing was measured', () => {
  const reading = (at, bitrate, lossRate = 0) => ({ at, bitrate, lossRate });
  assert.deepEqual(paths([], 0), { bitrate: '', loss: '' });
  const { bitrate, loss } = paths([reading(0, 500_000), reading(9_000, 1_000_000, 0.1), reading(60_000, 0), reading(KEPT, null)], KEPT);
  assert.equal(bitrate, `M0 ${HEIGHT - 11}L9 2M60 ${HEIGHT}`);
  assert.equal(loss, `M9 ${HEIGHT}V${HEIGHT / 2}`);
  assert.match(paths([reading(0, 0)], 0).bitrate, new RegExp(`^M${WIDTH} ${HEIGHT}$`));
});

test('figures are shares and rates since the reading before', () => {
  const report = (at, more) => new Map([
    ['v', { type: 'inbound-rtp', kind: 'video', framesDecoded: at * 25, bytesReceived: at * 1000, headerBytesReceived: 0, packetsLost: at, packetsReceived: at * 9, jitter: 0.004, ...more }],
    ['t', { type: 'transport', selectedCandidatePairId: 'p' }],
    ['p', { type: 'candidate-pair', currentRoundTripTime: 0.02, localCandidateId: 'l', remoteCandidateId: 'r' }],
    ['l', { type: 'local-candidate', candidateType: 'host' }],
    ['r', { type: 'remote-candidate', candidateType: 'relay' }],
  ]);
  const first = { ...readFigures(report(1), null), at: performance.now() - 2_000 };
  const { lossRate, jitter, roundTrip, path, bitrate, frameRate } = readFigures(report(3), first);
  assert.deepEqual({ lossRate, jitter, roundTrip, path }, { lossRate: 0.1, jitter: 4, roundTrip: 20, path: 'relayed' });
  assert.ok(Math.abs(bitrate - 8_000) < 400 && Math.abs(frameRate - 25) < 2, `${bitrate} ${frameRate}`);
  // A kiosk that starts anew counts from nothing: no negative shares.
  assert.equal(readFigures(report(0), first).lossRate, null);
});

test('a picture that stands still is called so after 700 ms, one of a slow camera within a second, or when its next one is overdue', () => {
  const watch = new PictureWatch(() => true);
  assert.equal(watch.check(5_000), false);
  for (let at = 0; at <= 1_000; at += 40) assert.equal(watch.frameShown(at), at === 0);
  assert.equal(watch.check(1_699), false);
  assert.equal(watch.check(1_700), true);
  assert.equal(watch.stalledSince, 1_000);
  assert.equal(watch.check(1_800), false, 'told twice');
  assert.equal(watch.frameShown(3_000), true);
  assert.equal(watch.stalledSince, null);
  const slow = new PictureWatch(() => true);
  for (let at = 0; at <= 20_000; at += 500) slow.frameShown(at);
  assert.equal(slow.check(20_990), false);
  assert.equal(slow.check(21_000), true);
  const seldom = new PictureWatch(() => true);
  for (let at = 0; at <= 40_000; at += 2_000) seldom.frameShown(at);
  assert.equal(seldom.check(42_900), false);
  assert.equal(seldom.check(43_000), true);
});

test('a picture that is not asked for is not live, until another comes', () => {
  const watch = new PictureWatch(() => true);
  watch.pause();
  assert.equal(watch.stalledSince, null, 'there has been none');
  watch.frameShown(1_000);
  watch.pause();
  assert.equal(watch.stalledSince, 1_000);
  assert.equal(watch.frameShown(9_000), true);
  assert.equal(watch.stalledSince, null);
});

test('what is not on the screen stands still only where nothing is decoded', () => {
  let isShown = true;
  const watch = new PictureWatch(() => isShown);
  watch.frameShown(0);
  isShown = false;
  assert.equal(watch.check(60_000), false);
  watch.decoded(25, 59_000, { tellsOfFrames: true });
  assert.equal(watch.stalledSince, null);
  // Shown again after a minute in which the timers slept.
  isShown = true;
  assert.equal(watch.check(120_000), false);
  assert.equal(watch.check(120_600), false);
  isShown = false;
  watch.check(121_000);
  watch.decoded(0, 122_000, { tellsOfFrames: true });
  assert.equal(watch.stalledSince, 122_000);
  watch.decoded(0, 123_000, { tellsOfFrames: true });
  assert.equal(watch.stalledSince, 122_000);
  watch.decoded(3, 124_000, { tellsOfFrames: true });
  assert.equal(watch.stalledSince, null);
  isShown = true;
  watch.decoded(0, 125_000, { tellsOfFrames: true });
  assert.equal(watch.stalledSince, null, 'frames on the screen say it themselves');
  watch.decoded(0, 125_000, { tellsOfFrames: false });
  assert.equal(watch.stalledSince, 125_000);
});
