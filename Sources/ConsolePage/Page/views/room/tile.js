// One watched kiosk on the screen: picture, state, controls.

import { language, relabel, say } from '../../words/language.js';
import { duration, faultText, microphoneText, phaseText, reasonText, refusalText, stallText } from '../../words/texts.js';
import { TileFigures } from './tilefigures.js';
import { Picture } from './picture.js';
import { download, hasPictureInPicture, toggleFullScreen, togglePictureInPicture } from './tools.js';

export class Tile {
  element;
  #session = null;
  #part;
  #on;
  #name;
  #picture;
  #figures;
  #sound = 'off';
  #endedKept = null;
  #spoken = '';

  /**
   * - pose: how the picture lies (state/chosen/poses.js).
   * - on: what the operator does here: `stop()`, `again()`, `await()`, `promote()`, `lookedAt()`, `clicked()`, `sound(on)`, `pin(on)`, `posed(pose)`, `link()`;
   *   `hasKeys()`: whether single keys mean something; `says(text)`: what the picture shows now, for those who do not see it.
   */
  constructor({ template, name, kioskId, pose, on }) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.kioskId = kioskId;
    this.element.id = `tile-${kioskId}`;
    this.element.setAttribute('aria-label', name);
    this.#name = name;
    this.#on = on;
    this.#part = (selector) => this.element.querySelector(selector);
    this.#figures = new TileFigures(this.element);
    this.#picture = new Picture(this.#part('video'), { blocked: (isBlocked) => { this.#part('.unmute').hidden = !isBlocked; } });
    this.#picture.pose = pose;
    this.#part('.tile-name').textContent = name;
    this.#nameFit();
    this.#part('.pip').hidden = !hasPictureInPicture();
    this.#listen();
  }

  get video() { return this.#picture.video; }

  /** Width by height of the picture, as it lies. */
  get shape() { return this.#picture.shape; }

  /** Whether its figures are on the screen. */
  get isLookedAt() { return this.element.matches(':hover, :focus-within'); }

  /** Large among small ones, or alike. */
  set isLarge(isLarge) {
    this.element.classList.toggle('large', isLarge);
    relabel(this.#part('.promote'), 'data-word-label', isLarge ? 'tile.alike' : 'tile.large');
    relabel(this.#part('.promote'), 'data-word-title', isLarge ? 'tile.alikeKey' : 'tile.largeKey');
  }

  #nameFit() {
    for (const attribute of ['data-word-label', 'data-word-title']) relabel(this.#part('.fit'), attribute, this.#picture.pose.fills ? 'tile.whole' : 'tile.fit');
  }

  #listen() {
    const actions = {
      mute: () => this.#on.sound(this.#sound === 'off'),
      unmute: () => { this.#on.sound(true); this.#picture.hear(true); },
      pin: () => this.#on.pin(this.#sound !== 'pinned'),
      promote: this.#on.promote,
      rotate: () => this.#pose({ turns: (this.#picture.pose.turns + 1) % 4 }),
      fit: () => this.#pose({ fills: !this.#picture.pose.fills }),
      shoot: () => void this.#shoot(),
      pip: () => togglePictureInPicture(this.video),
      link: this.#on.link,
      full: () => toggleFullScreen(this.element),
      stop: this.#on.stop,
      again: this.#on.again,
      await: this.#on.await,
      dismiss: this.#on.stop,
    };
    for (const [name, action] of Object.entries(actions)) this.#part(`.${name}`).addEventListener('click', action);
    this.video.addEventListener('click', this.#on.clicked);
    this.video.addEventListener('dblclick', actions.full);
    this.element.addEventListener('focusin', this.#on.lookedAt);
    const keys = new Map([['m', actions.mute], ['p', actions.pin], ['r', actions.rotate], ['s', actions.shoot], ['f', actions.full], ['x', actions.stop]]);
    this.element.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const isPromoted = event.key === 'Enter' && event.target === this.element;
      const action = isPromoted ? actions.promote : this.#on.hasKeys() ? keys.get(event.key.toLowerCase()) : null;
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  /** - isHeard: whether its sound is on from the beginning. */
  attach(session, { isHeard }) {
    this.#session = session;
    this.#endedKept = null;
    this.#picture.play(session.stream, isHeard);
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

  /** Whether it shows anything but a live picture, or one that is about to come. */
  get hasFault() { return this.#session.ended || ['warn', 'bad'].includes(this.element.dataset.tone); }

  get stateText() { return this.#part('.tile-state').textContent; }

  focus() {
    this.element.focus();
    this.element.scrollIntoView({ block: 'nearest' });
  }

  remove() {
    this.#session = null;
    this.video.srcObject = null;
    this.element.remove();
  }

  #pose(change) {
    this.#picture.pose = { ...this.#picture.pose, ...change };
    this.#nameFit();
    this.#on.posed(this.#picture.pose);
  }

  async #shoot() {
    const { kioskId, lastPictureAt, stalledSince, ended } = this.#session;
    const at = lastPictureAt ?? Date.now();
    const picture = await this.#picture.snapshot({ name: this.#name, kioskId, at, isLive: !ended && stalledSince === null });
    if (picture) download(picture, `${kioskId} ${new Date(at).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '-')}.png`);
  }

  // Showing

  /**
   * - canWatch: whether an ended picture can be watched again now. - comesBack: whether it is by itself.
   * - history: its readings of the last two minutes. - sound: `'on'`, `'pinned'` or `'off'`.
   */
  show({ serverConnected, status, canWatch, comesBack, history, sound }) {
    const session = this.#session;
    const now = performance.now();
    const label = say('tile.picture', { name: this.#name });
    if (this.video.getAttribute('aria-label') !== label) this.video.setAttribute('aria-label', label);
    const { text, tone } = phaseText(session, { serverConnected, status, now });
    this.element.dataset.phase = session.phase;
    this.element.dataset.tone = tone;
    this.#set('.tile-state', text);
    if (!session.ended) this.#endedKept = now;
    const since = session.timings.firstFrame ?? session.timings.connected;
    this.#set('.tile-time', since ? duration((session.ended ? this.#endedKept ?? now : now) - since) : '');
    this.#showVeil(text, tone, { canWatch, comesBack });
    this.#speak(text, tone);
    this.#showBand(status, now);
    this.#showFaults();
    this.#showSound(sound, status);
    this.#figures.show(session.figures, { isHeard: this.#picture.isHeard, history: this.isLookedAt ? history : null, now });
  }

  /** The steps on the way to a picture are no news, and neither is a second that goes by. */
  #speak(text, tone) {
    const spoken = this.#session.ended ? [this.#part('.veil-text').textContent, this.#part('.veil-detail').textContent].join(': ') : text;
    if (tone === 'busy' || spoken === this.#spoken) return;
    this.#spoken = spoken;
    this.#on.says(spoken);
  }

  #showVeil(text, tone, { canWatch, comesBack }) {
    const session = this.#session;
    const shown = session.ended || !session.timings.firstFrame;
    this.#part('.veil').hidden = !shown;
    this.#part('.pulse').hidden = session.ended || tone !== 'busy';
    this.#part('.veil-actions').hidden = !session.ended;
    this.element.dataset.ending = session.ended ? session.ending.code : '';
    if (!shown) return;
    if (!session.ended) {
      this.#set('.veil-text', text);
      this.#set('.veil-detail', '');
      return;
    }
    // No button that cannot work.
    this.#part('.again').hidden = !canWatch;
    this.#part('.await').hidden = canWatch || comesBack;
    relabel(this.#part('.await'), 'data-word', session.ending.code === 'kiosk-busy' ? 'tile.awaitFree' : 'tile.await');
    const refused = session.ending.kind === 'refused';
    const why = refused ? refusalText(session.ending) : reasonText(session.ending.code);
    this.#set('.veil-text', say(refused ? 'tile.notPossible' : 'tile.ended'));
    this.#set('.veil-detail', comesBack ? `${why} ${say('tile.comesBack')}` : why);
  }

  /** A picture that stands still is grey, and says since when and why. */
  #showBand(status, now) {
    const session = this.#session;
    const isStalled = !session.ended && session.stalledSince !== null;
    this.element.classList.toggle('stalled', isStalled);
    this.#part('.band').hidden = !isStalled;
    if (!isStalled) return;
    const { since, last, why } = stallText(session, { status, now });
    this.#set('.band-text', since);
    this.#set('.band-detail', [last, why].filter(Boolean).join(' · '));
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

  #showSound(sound, status) {
    if (sound !== this.#sound) this.#picture.hear(sound !== 'off');
    this.#sound = sound;
    this.element.dataset.sound = sound;
    const fault = this.#session.ended ? '' : microphoneText(this.#session, status);
    this.#part('.tile-sound').hidden = sound === 'off' && fault === '';
    this.#set('.tile-sound-text', fault || (sound === 'off' ? '' : say(sound === 'pinned' ? 'tile.pinned' : 'tile.heard')));
    this.#part('.tile-sound').classList.toggle('faulty', fault !== '');
    this.#part('.tile-sound use').setAttribute('href', fault ? '#i-no-microphone' : sound === 'pinned' ? '#i-pin' : '#i-sound');
    const mute = this.#part('.mute');
    relabel(mute, 'data-word-label', sound === 'off' ? 'tile.soundOn' : 'tile.soundOff');
    mute.querySelector('use').setAttribute('href', sound === 'off' ? '#i-muted' : '#i-sound');
    this.#part('.pin').setAttribute('aria-pressed', String(sound === 'pinned'));
  }

  #set(selector, text) {
    const element = this.#part(selector);
    if (element.textContent !== text) element.textContent = text;
  }
}
