// The line to the server: a light and a word.

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
      case 'connected': this.#say('Connected', 'good'); break;
      case 'connecting': this.#say(wasConnected ? 'Reconnecting…' : 'Connecting…', 'busy'); break;
      case 'waiting': {
        const count = () => {
          const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
          this.#say(seconds > 0 ? `Server away, trying again in ${seconds} s` : 'Reconnecting…', 'warn');
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
