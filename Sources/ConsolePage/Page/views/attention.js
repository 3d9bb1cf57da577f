// What reaches an operator who looks elsewhere: the window's title and icon, a sound, a message of the browser.

import { number, say } from '../words/language.js';

/** Two short tones, in hertz, and how long each is, in seconds. */
const TONES = Object.freeze({ pitches: [880, 660], length: 0.16, loudness: 0.2 });

/** A message takes the place of the one before about the same kiosk. */
const TAG = 'kiosk-console.';

/** Whether this browser can show messages outside of the page; without TLS there are none. */
export const hasNotifications = () => 'Notification' in window && window.isSecureContext;

export class Attention {
  #icon; #usualIcon;
  #count = -1;
  #audio = null;

  /** - icon: the document's `<link rel="icon">`. */
  constructor({ icon }) {
    this.#icon = icon;
    this.#usualIcon = icon.href;
  }

  /** How many kiosks have a fault. Also to be called in another language, with `isAnew`. */
  count(faulty, { isAnew = false } = {}) {
    if (faulty === this.#count && !isAnew) return;
    this.#count = faulty;
    document.title = faulty > 0 ? `(${number(faulty)}) ${say('page.title')}` : say('page.title');
    this.#icon.href = faulty > 0 ? numbered(faulty) : this.#usualIcon;
  }

  /** A sound of its own. A browser that wants a click first had the one of the sign-in, or stays silent. */
  sound() {
    try {
      this.#audio ??= new AudioContext();
      void this.#audio.resume();
      const { pitches, length, loudness } = TONES;
      for (const [place, pitch] of pitches.entries()) {
        const begins = this.#audio.currentTime + place * length;
        const tone = new OscillatorNode(this.#audio, { frequency: pitch });
        const level = new GainNode(this.#audio, { gain: 0 });
        level.gain.setTargetAtTime(loudness, begins, 0.01);
        level.gain.setTargetAtTime(0, begins + length * 0.7, 0.02);
        tone.connect(level).connect(this.#audio.destination);
        tone.start(begins);
        tone.stop(begins + length);
      }
    } catch (error) {
      console.warn(`alarm: no sound: ${error.message}`);
    }
  }

  /** - clicked(): the operator wants to see it. */
  message({ kioskId, title, text, clicked }) {
    if (!hasNotifications() || Notification.permission !== 'granted') return;
    const message = new Notification(title, { body: text, tag: TAG + kioskId, icon: this.#usualIcon });
    message.onclick = () => { window.focus(); message.close(); clicked(); };
  }
}

/** The lamp of the usual icon in red, with a number. */
function numbered(count) {
  const text = count > 99 ? '99' : String(count);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="#b3261e"/>`
    + `<text x="16" y="22.5" font-family="sans-serif" font-weight="700" font-size="19" text-anchor="middle" fill="#fff">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
