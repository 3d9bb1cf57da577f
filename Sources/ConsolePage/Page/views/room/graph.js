// The last two minutes of a picture, small: how much came, and how much was lost on the way.

import { KEPT } from '../../state/readings.js';

/** The drawing's own units. */
export const WIDTH = 120;
export const HEIGHT = 24;

/** This share of lost packets fills the height. */
const FULL_LOSS = 0.2;
/** Readings further apart than this, in milliseconds, have nothing between them. */
const GAP = 20_000;

/**
 * The paths of an SVG: `{bitrate, loss}`, empty where there is nothing to draw.
 * - history: readings (state/readings.js). - now: the right edge, in milliseconds.
 */
export function paths(history, now) {
  const x = (at) => round(WIDTH * (1 - (now - at) / KEPT));
  const most = Math.max(1, ...history.map(({ bitrate }) => bitrate ?? 0));
  let bitrate = '';
  let loss = '';
  let before = null;
  for (const reading of history) {
    if (reading.bitrate !== null) {
      const isLine = before !== null && reading.at - before <= GAP;
      bitrate += `${isLine ? 'L' : 'M'}${x(reading.at)} ${round(HEIGHT - (HEIGHT - 2) * reading.bitrate / most)}`;
      before = reading.at;
    }
    if (reading.lossRate > 0) loss += `M${x(reading.at)} ${HEIGHT}V${round(HEIGHT * (1 - Math.min(1, reading.lossRate / FULL_LOSS)))}`;
  }
  return { bitrate, loss };
}

function round(number) {
  return Math.round(number * 10) / 10;
}
