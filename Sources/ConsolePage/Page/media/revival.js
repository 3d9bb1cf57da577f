// Pictures that ended without the operator's doing come back by themselves.

/** Endings after which the kiosk is watched again. The others are somebody's will, or will not change by trying. */
const PASSING = new Set([
  'kiosk-disconnected', 'monitor-disconnected', 'kiosk-replaced', 'kiosk-restarting', 'media-lost', 'server-shutdown',
  'session-forgotten', 'kiosk-silent', 'no-path',
  'kiosk-offline', 'disconnected', 'no-answer', 'no-session', 'not-registered', 'throttled', 'internal-error', 'cluster-unavailable',
]);

/** The pauses before a kiosk is watched again, in milliseconds: doubling from the first to the last. */
const PAUSE = { first: 2_000, last: 60_000 };

export class Revival {
  #watch;
  #isPossible;
  #waiting = new Map();
  #pauses = new Map();
  /** Kiosks that the operator waits for. */
  #awaited = new Set();

  /**
   * - watch(kioskId): watches the kiosk again.
   * - isPossible(kioskId): whether the server is there and the kiosk is online and free.
   */
  constructor({ watch, isPossible }) {
    this.#watch = watch;
    this.#isPossible = isPossible;
    setInterval(() => this.#tick(), 250);
  }

  /** A picture ended. Whether it comes back by itself. */
  ended(kioskId, { code }) {
    const isPassing = PASSING.has(code) || (code === 'kiosk-busy' && this.#awaited.has(kioskId));
    if (!isPassing) { this.forget(kioskId); return false; }
    const pause = this.#pauses.get(kioskId) ?? PAUSE.first;
    this.#pauses.set(kioskId, Math.min(pause * 2, PAUSE.last));
    this.#waiting.set(kioskId, performance.now() + pause);
    return true;
  }

  /** The operator waits for it: it is watched as soon as that is possible, also once a colleague is done. */
  await(kioskId) {
    this.#awaited.add(kioskId);
    this.#waiting.set(kioskId, 0);
  }

  /** A picture is there: the next pause is short again. */
  lives(kioskId) {
    this.#awaited.delete(kioskId);
    this.#pauses.delete(kioskId);
  }

  /** The operator decided: nothing happens by itself. */
  forget(kioskId) {
    this.#waiting.delete(kioskId);
    this.#awaited.delete(kioskId);
    this.#pauses.delete(kioskId);
  }

  isWaiting(kioskId) { return this.#waiting.has(kioskId); }

  #tick() {
    const now = performance.now();
    for (const [kioskId, due] of this.#waiting) {
      if (now < due || !this.#isPossible(kioskId)) continue;
      this.#waiting.delete(kioskId);
      this.#watch(kioskId);
    }
  }
}
