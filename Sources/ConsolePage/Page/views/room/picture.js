// The picture of one kiosk: how it lies in its tile, and whether it is heard.

import { USUAL } from '../../state/chosen/poses.js';
import { say } from '../../words/language.js';
import { timeOfDay } from '../../words/texts.js';

/** Where no picture has come yet. */
const USUAL_SHAPE = 16 / 9;

export class Picture {
  video;
  #pose = USUAL;
  #blocked;
  /** Whether the sound is wanted; the browser may keep it back all the same. */
  #isWanted = false;

  /** - blocked(isBlocked): whether the browser keeps the sound back until somebody clicks. */
  constructor(video, { blocked }) {
    this.video = video;
    this.#blocked = blocked;
  }

  // Lying

  get pose() { return this.#pose; }

  set pose(pose) {
    this.#pose = pose;
    this.video.dataset.turns = String(pose.turns);
    this.video.dataset.fills = String(pose.fills);
  }

  /** Width by height, as it lies. */
  get shape() {
    const { videoWidth, videoHeight } = this.video;
    const shape = videoWidth > 0 && videoHeight > 0 ? videoWidth / videoHeight : USUAL_SHAPE;
    return this.#pose.turns % 2 === 0 ? shape : 1 / shape;
  }

  // Playing

  /** - isHeard: of the stream, from its beginning. */
  play(stream, isHeard) {
    this.video.srcObject = stream;
    this.hear(isHeard);
    if (!isHeard) void this.#start();
  }

  /** Whether its sound comes out. */
  get isHeard() { return !this.video.muted; }

  hear(isWanted) {
    this.#isWanted = isWanted;
    this.video.muted = !isWanted;
    this.#blocked(false);
    if (isWanted) void this.#start();
  }

  /** A click allows sound; where there was none, the picture starts silent. */
  async #start() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== 'NotAllowedError' || !this.#isWanted) return;
      this.video.muted = true;
      this.#blocked(true);
      this.video.play().catch(() => {});
    }
  }

  // Keeping

  /**
   * The picture as a PNG, as it lies, with a line below it that says what it is; null where there is none.
   * - name, kioskId: of the kiosk. - at: of the picture, in milliseconds since 1970. - isLive: false for one that stood still.
   */
  snapshot({ name, kioskId, at, isLive }) {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth || !videoHeight) return Promise.resolve(null);
    const isUpright = this.#pose.turns % 2 === 0;
    const [width, height] = isUpright ? [videoWidth, videoHeight] : [videoHeight, videoWidth];
    const line = Math.max(20, Math.round(width / 32));
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height + line;
    const context = canvas.getContext('2d');
    context.translate(width / 2, height / 2);
    context.rotate(this.#pose.turns * Math.PI / 2);
    context.drawImage(this.video, -videoWidth / 2, -videoHeight / 2);
    context.resetTransform();
    context.fillStyle = '#000';
    context.fillRect(0, height, width, line);
    context.fillStyle = '#fff';
    context.textBaseline = 'middle';
    context.font = `${Math.round(line * 0.6)}px sans-serif`;
    const when = `${new Date(at).toISOString().slice(0, 10)} ${timeOfDay(at, { seconds: true, day: false })}`;
    const words = [name, kioskId, when, isLive ? '' : say('tile.notLive')].filter(Boolean).join(' · ');
    context.fillText(words, line * 0.4, height + line / 2, width - line * 0.8);
    return new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });
  }
}
