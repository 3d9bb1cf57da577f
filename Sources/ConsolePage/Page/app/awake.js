// While pictures are watched the screen stays on, and somebody is asked for once in a while.

import { ASKED_FOR, HERE, passed, touched } from '../state/presence.js';
import { say } from '../words/language.js';

/** The screen's lock against sleep; a browser gives none to a page out of sight, and takes it back from one that goes there. */
export class Screen {
  /** @type {any} */
  #lock = null;
  #isAsking = false;

  /** To be called again and again. */
  async keepOn(isWanted) {
    const { wakeLock } = /** @type {any} */ (navigator); // Unknown to the type checker's library.
    if (!wakeLock || this.#isAsking) return;
    if (!isWanted || document.hidden) {
      void this.#lock?.release();
      this.#lock = null;
      return;
    }
    if (this.#lock && !this.#lock.released) return;
    this.#isAsking = true;
    try {
      this.#lock = await wakeLock.request('screen');
    } catch (error) {
      // A battery that is nearly empty, or a policy: the screen does as it always does.
      console.warn(`screen: not kept on: ${error.message}`);
    } finally {
      this.#isAsking = false;
    }
  }
}

export class StillThere {
  #dialog; #minutes; #isWatching; #gone;
  #presence = HERE;

  /** - dialog: the question. - minutes(): until it is put; 0: never. - isWatching(): whether there is anything to stop. - gone(): nobody answered. */
  constructor({ dialog, minutes, isWatching, gone }) {
    this.#dialog = dialog;
    this.#minutes = minutes;
    this.#isWatching = isWatching;
    this.#gone = gone;
    for (const name of ['pointerdown', 'pointermove', 'keydown', 'wheel']) addEventListener(name, () => this.#touch(), { capture: true, passive: true });
    dialog.addEventListener('close', () => this.#touch());
  }

  #touch() {
    this.#presence = touched(performance.now());
    if (this.#dialog.open) this.#dialog.close();
  }

  /** Once a second. */
  tick() {
    const now = performance.now();
    const before = this.#presence;
    this.#presence = passed(before, { now, minutes: this.#minutes(), isWatching: this.#isWatching() });
    const { phase, since } = this.#presence;
    if (phase === 'asked') {
      if (!this.#dialog.open) this.#dialog.showModal();
      this.#dialog.querySelector('.countdown').textContent = say('here.stops', { count: Math.ceil((ASKED_FOR - (now - since)) / 1000) });
    } else if (before.phase === 'asked') {
      this.#dialog.close();
      if (phase === 'gone') this.#gone();
    }
  }
}
