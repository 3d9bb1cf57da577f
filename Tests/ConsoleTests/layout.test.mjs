// Where pictures go: the room is theirs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { focused, grid } from '../../Sources/ConsolePage/Page/views/room/layout.js';

const room = (width, height, count, shape = 16 / 9) => ({ width, height, gap: 12, shapes: Array(count).fill(shape) });

test('nine pictures are three by three', () => {
  assert.deepEqual(grid(room(1366, 714, 9)), { columns: 3, rows: 3 });
  assert.deepEqual(grid(room(2560, 1386, 9)), { columns: 3, rows: 3 });
});

test('pictures take the way in which they are largest', () => {
  assert.deepEqual(grid(room(1900, 500, 2)), { columns: 2, rows: 1 });
  assert.deepEqual(grid(room(700, 900, 2)), { columns: 1, rows: 2 });
  assert.deepEqual(grid(room(1366, 714, 3, 9 / 16)), { columns: 3, rows: 1 });
  assert.deepEqual(grid(room(1366, 714, 1)), { columns: 1, rows: 1 });
});

test('no other grid shows more', () => {
  for (let count = 1; count <= 12; count += 1) {
    for (const shape of [16 / 9, 4 / 3, 1, 9 / 16]) {
      for (const [width, height] of [[1366, 714], [800, 1200], [3840, 600]]) {
        const one = room(width, height, count, shape);
        const shown = (columns) => {
          const rows = Math.ceil(count / columns);
          return Math.min((width - 12 * (columns - 1)) / columns, ((height - 12 * (rows - 1)) / rows) * shape);
        };
        const best = shown(grid(one).columns);
        for (let columns = 1; columns <= count; columns += 1) assert.ok(best >= shown(columns) - 1e-9, JSON.stringify({ count, shape, width, height, columns }));
      }
    }
  }
});

test('a room without height is no reason to fail', () => {
  assert.deepEqual(grid(room(0, 0, 4)), { columns: 1, rows: 4 });
  assert.deepEqual(grid(room(100, 100, 0)), { columns: 1, rows: 1 });
});

test('the strip lies where it takes less from the large picture', () => {
  assert.equal(focused({ ...room(1900, 700, 4), index: 0 }).side, 'right');
  assert.equal(focused({ ...room(800, 1200, 4), index: 0 }).side, 'below');
  assert.equal(focused({ ...room(1900, 700, 1), index: 0 }).strip, 0);
});
