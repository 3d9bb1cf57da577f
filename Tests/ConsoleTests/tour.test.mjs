// A round through the sets ends where something is wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DWELL, Tour } from '../../Sources/ConsolePage/Page/app/tour.js';

function round(sets) {
  const seen = { shown: [], stopped: [], pauses: [], fault: null, timer: null };
  const tour = new Tour({
    sets: () => sets, show: (set) => seen.shown.push(set), fault: () => seen.fault, stopped: (fault) => seen.stopped.push(fault),
    after: (work, pause) => { seen.timer = work; seen.pauses.push(pause); return 1; }, cancel: () => { seen.timer = null; },
  });
  return { tour, seen, turn: () => seen.timer() };
}

test('each set has its time, and then the next one', () => {
  const sets = ['a', 'b'];
  const { tour, seen, turn } = round(sets);
  tour.start(30);
  turn();
  sets.push('c');
  turn();
  turn();
  assert.deepEqual(seen.shown, ['a', 'b', 'c', 'a']);
  assert.ok(seen.pauses.every((pause) => pause === 30_000));
  tour.stop();
  assert.deepEqual([tour.isOn, seen.timer, seen.stopped], [false, null, [null]]);
  tour.stop();
  assert.equal(seen.stopped.length, 1);
});

test('it stops where something is wrong, and says what', () => {
  const { tour, seen, turn } = round(['a', 'b']);
  tour.start(10);
  seen.fault = 'Depot: camera covered';
  turn();
  assert.deepEqual([seen.shown, seen.stopped, tour.isOn], [['a'], ['Depot: camera covered'], false]);
});

test('without a set there is no round, and no time is none at all', () => {
  const { tour, seen } = round([]);
  tour.start(10);
  assert.deepEqual([tour.isOn, seen.stopped], [false, [null]]);
  for (const [wish, pause] of [['', DWELL.usual], [0.1, DWELL.least], [1e9, DWELL.most], ['x', DWELL.usual], ['7', 7]]) {
    const other = round(['a']);
    other.tour.start(wish);
    assert.equal(other.seen.pauses[0], pause * 1000, String(wish));
  }
});
