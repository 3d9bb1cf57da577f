// One watched kiosk on the screen: picture, state, figures, controls.

import { language, number, relabel, say } from '../words/language.js';
import { bitrateText, duration, faultText, LOSSY, phaseText, reasonText, refusalText, shareText } from '../words/texts.js';
import { paths } from './graph.js';

export class Tile {
  element;
  video;
  #session = null;
  #part;
  #endedKept = null;

  constructor({ template, name, kioskId, stop, again, dismiss, promote }) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.kioskId = kioskId;
    this.element.id = `tile-${kioskId}`;
    this.element.setAttribute('aria-label', name);
    this.#part = (selector) => this.element.querySelector(selector);
    this.video = this.#part('video');
    this.#part('.tile-name').textContent = name;
    this.#part('.stop').addEventListener('click', stop);
    this.#part('.again').addEventListener('click', again);
    this.#part('.dismiss').addEventListener('click', dismiss);
    this.#part('.mute').addEventListener('click', () => this.#setMuted(!this.video.muted));
    this.#part('.unmute').addEventListener('click', () => this.#setMuted(false));
    this.#part('.full').addEventListener('click', () => this.#toggleFullScreen());
    this.#part('.promote').addEventListener('click', promote);
    this.video.addEventListener('dblclick', () => this.#toggleFullScreen());
    this.element.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'Enter' && event.target === this.element) {
        event.preventDefault();
        promote();
        return;
      }
      const action = { m: () => this.#setMuted(!this.video.muted), f: () => this.#toggleFullScreen(), x: stop }[event.key.toLowerCase()];
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  attach(session) {
    this.#session = session;
    this.#endedKept = null;
    this.video.srcObject = session.stream;
    this.#play();
    if ('requestVideoFrameCallback' in this.video) {
      const shown = () => {
        if (this.#session !== session) return;
        session.frameShown();
        this.video.requestVideoFrameCallback(shown);
      };
      this.video.requestVideoFrameCallback(shown);
    } else {
      this.video.addEventListener('loadeddata', () => session.frameShown(), { once: true });
    }
  }

  /** Whether somebody looks at its figures. */
  get isLookedAt() { return this.element.matches(':hover, :focus-within'); }

  focus() {
    this.element.focus();
    this.element.scrollIntoView({ block: 'nearest' });
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }

  // Showing

  /** - comesBack: whether an ended picture is watched again by itself. - history: its readings of the last two minutes. */
  show({ serverConnected, status, comesBack, history }) {
    const session = this.#session;
    const now = performance.now();
    const { text, tone } = phaseText(session, { serverConnected, status, now });
    this.element.dataset.phase = session.phase;
    this.element.dataset.tone = tone;
    this.element.classList.toggle('stalled', !session.ended && session.stalledSince !== null);
    this.#set('.tile-state', text);
    if (!session.ended) this.#endedKept = now;
    const since = session.timings.firstFrame ?? session.timings.connected;
    this.#set('.tile-time', since ? duration((session.ended ? this.#endedKept ?? now : now) - since) : '');
    this.#showVeil(text, tone, comesBack);
    this.#showFaults();
    this.#showFigures();
    if (this.isLookedAt) this.#draw(history, now);
  }

  #showVeil(text, tone, comesBack) {
    const session = this.#session;
    const shown = session.ended || !session.timings.firstFrame;
    this.#part('.veil').hidden = !shown;
    this.#part('.pulse').hidden = session.ended || tone !== 'busy';
    this.#part('.veil-actions').hidden = !session.ended;
    if (!shown) return;
    if (!session.ended) {
      this.#set('.veil-text', text);
      this.#set('.veil-detail', '');
    } else {
      const refused = session.ending.kind === 'refused';
      const why = refused ? refusalText(session.ending) : reasonText(session.ending.code);
      this.#set('.veil-text', say(refused ? 'tile.notPossible' : 'tile.ended'));
      this.#set('.veil-detail', comesBack ? `${why} ${say('tile.comesBack')}` : why);
    }
    this.element.dataset.ending = session.ended ? session.ending.code : '';
  }

  #showFaults() {
    const list = this.#part('.faults');
    const faults = this.#session.ended ? [] : [...this.#session.faults];
    const key = JSON.stringify([language(), faults]);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    list.replaceChildren(...faults.map(([code, message]) => {
      const { title, remedy, detail } = faultText(code, message);
      const item = document.createElement('li');
      item.dataset.code = code;
      item.title = detail;
      const strong = document.createElement('strong');
      strong.textContent = title;
      item.append(strong, ` ${remedy}`);
      return item;
    }));
  }

  #showFigures() {
    const figures = this.#session.figures;
    const value = (testid, text) => this.#set(`[data-testid="${testid}"]`, text);
    const unit = (key, of) => (of == null ? say('units.unknown') : say(`units.${key}`, { number: number(of) }));
    value('resolution', figures?.width ? say('units.size', { width: String(figures.width), height: String(figures.height) }) : say('units.unknown'));
    value('frame-rate', unit('perSecond', figures?.frameRate));
    value('bitrate', bitrateText(figures?.bitrate ?? null));
    value('round-trip', unit('milliseconds', figures?.roundTrip == null ? null : Math.max(1, figures.roundTrip)));
    value('jitter', unit('milliseconds', figures?.jitter));
    value('lost', shareText(figures?.lossRate ?? null));
    value('path', figures?.path ? say(`tile.${figures.path}`) : say('units.unknown'));
    this.element.classList.toggle('lossy', (figures?.lossRate ?? 0) > LOSSY);
    const level = this.video.muted || !figures?.audioLevel ? 0 : Math.max(0, Math.min(1, 1 + Math.log10(figures.audioLevel) / 3));
    this.#part('.level i').style.transform = `scale(${level.toFixed(2)})`;
  }

  #draw(history, now) {
    const { bitrate, loss } = paths(history, now);
    this.#part('.graph .flow').setAttribute('d', bitrate);
    this.#part('.graph .loss').setAttribute('d', loss);
  }

  #set(selector, text) {
    const element = this.#part(selector);
    if (element.textContent !== text) element.textContent = text;
  }

  // Sound and size

  /** The click that chose the kiosk allows sound; where the browser disagrees, the picture starts silent and a button says so. */
  async #play() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== 'NotAllowedError') return;
      this.#setMuted(true, { byBrowser: true });
      this.video.play().catch(() => {});
    }
  }

  #setMuted(muted, { byBrowser = false } = {}) {
    this.video.muted = muted;
    this.#part('.unmute').hidden = !byBrowser;
    const button = this.#part('.mute');
    button.setAttribute('aria-pressed', String(muted));
    relabel(button, 'data-word-label', muted ? 'tile.soundOn' : 'tile.soundOff');
    button.querySelector('use').setAttribute('href', muted ? '#i-muted' : '#i-sound');
    if (!muted) this.video.play().catch(() => {});
  }

  #toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen(); else this.element.requestFullscreen?.().catch(() => {});
  }
}
