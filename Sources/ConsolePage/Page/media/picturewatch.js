// A picture that stands still is no live picture. Frames on the screen say so; a page that is hidden or left shows none, there the decoder does.

/** How long a picture may stand still before it is called so: four of its usual gaps, between 700 ms and a second. Where pictures come less often than that, one and
 * a half gaps, since the next one is not due before. */
const STALL = { least: 700, usual: 1_000, usualGaps: 4, dueGaps: 1.5, most: 5_000 };

/** Times are milliseconds of `performance.now()`. */
export class PictureWatch {
  /** When the last picture came, of one that stands still; null while it moves. */
  stalledSince = null;

  #isShown;
  #wasShown = true;
  #lastFrameAt = null;
  /** The usual time between two pictures. */
  #gap = 0;

  /** - isShown(): whether frames get to the screen. */
  constructor(isShown) {
    this.#isShown = isShown;
  }

  /** When the picture on the screen came; null where none has. */
  get lastFrameAt() { return this.#lastFrameAt; }

  /** A frame is on the screen. Whether that changes anything: it is the first, or the picture stood still. */
  frameShown(now) {
    const isNews = this.#lastFrameAt === null || this.stalledSince !== null;
    if (!isNews) {
      const gap = now - this.#lastFrameAt;
      this.#gap = this.#gap ? this.#gap + (gap - this.#gap) / 8 : gap;
    }
    this.#lastFrameAt = now;
    this.stalledSince = null;
    return isNews;
  }

  /** Whether the picture stands still since the last look. */
  check(now) {
    const isShown = this.#isShown();
    const isBack = isShown && !this.#wasShown;
    this.#wasShown = isShown;
    if (this.#lastFrameAt === null || this.stalledSince !== null) return false;
    // What was hidden, or just is shown again, has had no chance to show a frame.
    if (!isShown || isBack) { this.#lastFrameAt = now; return false; }
    const usual = Math.min(STALL.usual, Math.max(STALL.least, this.#gap * STALL.usualGaps));
    const patience = Math.min(STALL.most, Math.max(usual, this.#gap * STALL.dueGaps));
    if (now - this.#lastFrameAt < patience) return false;
    this.stalledSince = this.#lastFrameAt;
    return true;
  }

  /** No pictures are asked for: the last one is none of now. */
  pause() { this.stalledSince ??= this.#lastFrameAt; }

  /** So many frames were decoded since `since`: that counts where none are shown, and where the browser does not tell of those that are. */
  decoded(frames, since, { tellsOfFrames }) {
    if ((this.#isShown() && tellsOfFrames) || this.#lastFrameAt === null) return;
    this.stalledSince = frames > 0 ? null : this.stalledSince ?? since;
  }
}
