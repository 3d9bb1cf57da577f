// The figures of one picture: numbers, a graph, the level of its sound.

import { number, say } from '../../words/language.js';
import { bitrateText, LOSSY, shareText } from '../../words/texts.js';
import { paths } from './graph.js';

export class TileFigures {
  #element; #part;

  constructor(element) {
    this.#element = element;
    this.#part = (testid) => element.querySelector(`[data-testid="${testid}"]`);
  }

  /**
   * - figures: the newest reading (media/figures.js), or null. - isHeard: whether the sound is on.
   * - history: of two minutes, to draw; null where nobody looks.
   */
  show(figures, { isHeard, history, now }) {
    const value = (testid, text) => {
      const element = this.#part(testid);
      if (element.textContent !== text) element.textContent = text;
    };
    const unit = (key, of) => (of == null ? say('units.unknown') : say(`units.${key}`, { number: number(of) }));
    value('resolution', figures?.width ? say('units.size', { width: String(figures.width), height: String(figures.height) }) : say('units.unknown'));
    value('frame-rate', unit('perSecond', figures?.frameRate));
    value('bitrate', bitrateText(figures?.bitrate ?? null));
    value('round-trip', unit('milliseconds', figures?.roundTrip == null ? null : Math.max(1, figures.roundTrip)));
    value('jitter', unit('milliseconds', figures?.jitter));
    value('lost', shareText(figures?.lossRate ?? null));
    value('path', figures?.path ? say(`tile.${figures.path}`) : say('units.unknown'));
    this.#element.classList.toggle('lossy', (figures?.lossRate ?? 0) > LOSSY);
    const level = !isHeard || !figures?.audioLevel ? 0 : Math.max(0, Math.min(1, 1 + Math.log10(figures.audioLevel) / 3));
    this.#part('level').firstElementChild.style.transform = `scale(${level.toFixed(2)})`;
    if (!history) return;
    const { bitrate, loss } = paths(history, now);
    this.#part('graph').querySelector('.flow').setAttribute('d', bitrate);
    this.#part('graph').querySelector('.loss').setAttribute('d', loss);
  }
}
