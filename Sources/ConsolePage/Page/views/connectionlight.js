// The line to the server: a light and a word.

import { say } from '../words/language.js';

export class ConnectionLight {
  #element; #text;
  #timer = 0;

  constructor({ element, text }) {
    this.#element = element;
    this.#text = text;
  }

  show({ state, retryAt, wasConnected }) {
    clearInterval(this.#timer);
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

  #say(text, tone) {
    this.#text.textContent = text;
    this.#element.dataset.tone = tone;
  }
}
