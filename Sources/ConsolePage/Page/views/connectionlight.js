// The line to the server: a light and a word.

import { say } from '../words/language.js';

export class ConnectionLight {
  #element; #text; #told;
  #timer = 0;
  #before = 'idle';

  /** - told(text): for those who do not see it; without the seconds that are counted down. */
  constructor({ element, text, told }) {
    this.#told = told;
    this.#element = element;
    this.#text = text;
  }

  show({ state, retryAt, wasConnected }) {
    clearInterval(this.#timer);
    this.#tell(state);
    switch (state) {
      case 'connected': this.#say(say('connection.connected'), 'good'); break;
      case 'connecting': this.#say(say(wasConnected ? 'connection.reconnecting' : 'connection.connecting'), 'busy'); break;
      case 'waiting': {
        const count = () => {
          const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
          this.#say(seconds > 0 ? say('connection.waiting', { count: seconds }) : say('connection.reconnecting'), 'warn');
        };
        count();
        this.#timer = setInterval(count, 500);
        break;
      }
      default: break;
    }
  }

  /** That the server is away, and that it is back; not every attempt. */
  #tell(state) {
    if (state === 'waiting' && this.#before === 'connected') this.#told(say('connection.away'));
    if (state === 'connected' && this.#before === 'waiting') this.#told(say('connection.connected'));
    if (state !== 'connecting') this.#before = state;
  }

  #say(text, tone) {
    this.#text.textContent = text;
    this.#element.dataset.tone = tone;
  }
}
