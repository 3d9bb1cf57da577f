// A round through the kept sets of pictures, each for a while, until something is wrong.

/** How long each set stays, in seconds. */
export const DWELL = { least: 5, usual: 20, most: 600 };

export class Tour {
  #sets; #show; #fault; #stopped;
  #place = -1;
  #timer = 0;
  #after; #cancel;

  /**
   * - sets(): the kept sets in their order, at the time. - show(set): puts one on the wall.
   * - fault(): what is wrong with a picture on the wall, in words; null where nothing is.
   * - stopped(fault): the tour is over; `fault` is null where the operator ended it or no set is left.
   * - after, cancel: the page's timer.
   */
  constructor({ sets, show, fault, stopped, after = (work, pause) => setTimeout(work, pause), cancel = (timer) => clearTimeout(timer) }) {
    this.#sets = sets;
    this.#show = show;
    this.#fault = fault;
    this.#stopped = stopped;
    this.#after = after;
    this.#cancel = cancel;
  }

  get isOn() { return this.#timer !== 0; }

  start(seconds) {
    this.#cancel(this.#timer);
    this.#place = -1;
    this.#next(Math.min(DWELL.most, Math.max(DWELL.least, Number(seconds) || DWELL.usual)) * 1000);
  }

  stop(fault = null) {
    if (!this.isOn) return;
    this.#cancel(this.#timer);
    this.#timer = 0;
    this.#stopped(fault);
  }

  #next(pause) {
    const sets = this.#sets();
    this.#timer = this.#after(() => {
      const fault = this.#fault();
      if (fault !== null) this.stop(fault); else this.#next(pause);
    }, pause);
    if (sets.length === 0) { this.stop(); return; }
    this.#place = (this.#place + 1) % sets.length;
    this.#show(sets[this.#place]);
  }
}
