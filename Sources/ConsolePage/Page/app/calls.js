// What calls the operator: how many kiosks have a fault, and what went wrong with those that are pinned.

import { alarms, countFaulty } from '../state/alarms.js';
import { nameOf } from '../state/kiosks.js';
import { Attention } from '../views/attention.js';
import { say } from '../words/language.js';
import { faultWords } from '../words/texts.js';
import { notice } from './page.js';

export class Calls {
  #store; #attention; #watch;

  /** - icon: the document's. - watch(kioskId): the operator wants to see it. */
  constructor({ store, icon, watch }) {
    this.#store = store;
    this.#watch = watch;
    this.#attention = new Attention({ icon });
    store.subscribe((state, before) => {
      if (state.kiosks.byId === before.kiosks.byId) return;
      for (const alarm of alarms(before.kiosks, state.kiosks, state.preferences.pinned)) this.#call(alarm, state);
    });
  }

  /** Once a second: title and icon of a window are slow to change. */
  tick() { this.#attention.count(countFaulty(this.#store.state.kiosks)); }

  /** In another language. */
  relabel() { this.#attention.count(countFaulty(this.#store.state.kiosks), { isAnew: true }); }

  #call({ kioskId, isOffline, faults }, { kiosks, preferences }) {
    const title = nameOf(kiosks, kioskId);
    const text = isOffline ? say('attention.offline') : faults.map((fault) => faultWords(fault).text).join(' · ');
    notice(`${title}: ${text}`, 'warn');
    if (preferences.sounds) this.#attention.sound();
    if (preferences.notifications) this.#attention.message({ kioskId, title, text, clicked: () => this.#watch(kioskId) });
  }
}
