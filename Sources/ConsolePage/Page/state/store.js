// The one state of the page. Events change it, by pure functions; views are told and read it.

import { reduceConnection } from './connection.js';
import { reducePreferences } from './chosen/preferences.js';
import { reduceCrew } from './crew.js';
import { reduceHealth } from './health.js';
import { reduceKiosks } from './kiosks.js';
import { reduceReadings } from './readings.js';
import { reduceSound } from './sound.js';
import { reduceWindows } from './windows.js';

/**
 * What may happen:
 * - `{type: 'server', name, payload, at}`: an event of the signaling contract, with whatever came as its first argument, and when it came by the server's clock
 *   (milliseconds since 1970).
 * - `{type: 'connection', state, retryAt}`: the socket's state, and when it tries again where it waits (milliseconds since 1970).
 * - `{type: 'watching', kioskId, phase}`: what this console does with a kiosk; `phase` null once it does nothing.
 * - `{type: 'measured', kioskId, figures}`: a reading of a picture's statistics (media/figures.js).
 * - `{type: 'looked-at'|'sound'|'pinned'|'closed', kioskId, …}`: what the operator does with a picture (sound.js).
 * - `{type: 'preferred', name, value}`, `{type: 'preferences', kept}`: what the operator chose (chosen/preferences.js).
 * - `{type: 'window', message, at}`, `{type: 'windows-aged', now}`: of other windows (windows.js).
 * - `{type: 'signed-out'}`.
 *
 * What does not concern a part leaves it as the same object, so that a view sees by identity what it has to draw again.
 */
export function reduce(state, event) {
  const kiosks = reduceKiosks(state.kiosks, event);
  const next = {
    kiosks,
    connection: reduceConnection(state.connection, event),
    health: reduceHealth(state.health, event, kiosks),
    crew: reduceCrew(state.crew, event),
    readings: reduceReadings(state.readings, event),
    sound: reduceSound(state.sound, event),
    preferences: reducePreferences(state.preferences, event),
    windows: reduceWindows(state.windows, event),
  };
  return Object.keys(next).every((part) => next[part] === state[part]) ? state : next;
}

export const EMPTY = reduce({}, { type: 'signed-out' });

export class Store {
  #state = EMPTY;
  #views = new Set();

  get state() { return this.#state; }

  dispatch(event) {
    const before = this.#state;
    this.#state = reduce(before, event);
    if (this.#state === before) return;
    for (const view of this.#views) view(this.#state, before);
  }

  /** Calls `view(state, before)` after each change, and once now. */
  subscribe(view) {
    this.#views.add(view);
    view(this.#state, EMPTY);
  }
}
