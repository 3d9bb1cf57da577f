// The Socket.IO client's packets and pauses.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backOff, eventPacket, parsePacket } from '../../Sources/ConsolePage/Page/net/socketio.js';

test('packets are read', () => {
  assert.deepEqual(parsePacket('2["hello",1]'), { type: 2, namespace: '/', id: null, data: ['hello', 1] });
  assert.deepEqual(parsePacket('2/other,12["hello"]'), { type: 2, namespace: '/other', id: 12, data: ['hello'] });
  assert.deepEqual(parsePacket('312[{"ok":true}]'), { type: 3, namespace: '/', id: 12, data: [{ ok: true }] });
  assert.deepEqual(parsePacket('0{"sid":"x"}'), { type: 0, namespace: '/', id: null, data: { sid: 'x' } });
  assert.deepEqual(parsePacket('1'), { type: 1, namespace: '/', id: null, data: undefined });
});

test('what is no packet is refused', () => {
  for (const text of ['', '9', 'x', '2', '2{}', '2[1]', '2[', '3[]', '31', '312{}', '51-["b",{"_placeholder":true,"num":0}]', '61-[]', '2["a"', '2/']) {
    assert.throws(() => parsePacket(text), text);
  }
});

test('events are written', () => {
  assert.equal(eventPacket('a', []), '2["a"]');
  assert.equal(eventPacket('a', [{ b: 1 }], 7), '27["a",{"b":1}]');
});

test('pauses double, are spread, and have an end', () => {
  const pause = (attempt, random) => backOff(attempt, { random: () => random });
  assert.deepEqual([0, 1, 2, 3].map((attempt) => pause(attempt, 0.5)), [500, 1000, 2000, 4000]);
  assert.deepEqual([pause(0, 0), pause(0, 1)], [250, 750]);
  assert.equal(pause(1000, 0.5), 10_000);
});
