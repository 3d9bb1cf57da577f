// What the sessions are measured by: one getStats a second, however many there are, for each costs the browser milliseconds of its main thread.

/** How often one of the sessions is measured. */
const MEASURED_EVERY = 1_000;
/** How often all are checked for what takes too long; that costs nothing. */
const CHECKED_EVERY = 100;
/** So many times as often as the others: a session with a fault, and one whose figures are on the screen. */
const PREFERRED = 4;

/**
 * Whose turn it is: who has waited longest, by what its wait counts.
 * - waits: `{session, since, isPreferred}`; `since` in milliseconds, -Infinity for one that was never measured.
 */
export function nextTurn(waits, now) {
  let next = null;
  let most = -1;
  for (const { session, since, isPreferred } of waits) {
    const wait = (now - since) * (isPreferred ? PREFERRED : 1);
    if (wait > most) [next, most] = [session, wait];
  }
  return next;
}

export class Meter {
  #sessions; #isLookedAt; #measured;
  #isMeasuring = false;

  /**
   * - sessions(): those that go on.
   * - isLookedAt(session): whether its figures are on the screen.
   * - measured(session): its figures are new.
   * - every(work, milliseconds): the page's timer.
   */
  constructor({ sessions, isLookedAt, measured, every = setInterval }) {
    this.#sessions = sessions;
    this.#isLookedAt = isLookedAt;
    this.#measured = measured;
    every(() => this.#measure(), MEASURED_EVERY);
    every(() => { for (const session of this.#sessions()) session.check(); }, CHECKED_EVERY);
  }

  async #measure() {
    if (this.#isMeasuring) return;
    const waits = this.#sessions().filter((session) => session.isMeasurable).map((session) => ({
      session, since: session.figures?.at ?? -Infinity, isPreferred: session.isInTrouble || this.#isLookedAt(session),
    }));
    const session = nextTurn(waits, performance.now());
    if (!session) return;
    this.#isMeasuring = true;
    try {
      await session.measure();
      this.#measured(session);
    } catch (error) {
      console.warn(`${session.kioskId}: not measured: ${error.message}`);
    } finally {
      this.#isMeasuring = false;
    }
  }
}
