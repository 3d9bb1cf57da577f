// What a screen reader is told of what happens by itself.

import { isEmpty, NOTHING, sentences, withCrew, withLine, withPicture } from '../state/spoken.js';
import { say } from '../words/language.js';

/** What happens within so many milliseconds is told in one breath. */
const GATHERED_FOR = 1_500;

export class Speaker {
  #element;
  #waiting = NOTHING;
  #timer = 0;

  /** - element: a status that is not seen. */
  constructor({ element }) {
    this.#element = element;
  }

  picture(kioskId, name, text) { this.#add(withPicture(this.#waiting, kioskId, name, text)); }
  crew(text) { this.#add(withCrew(this.#waiting, text)); }
  line(text) { this.#add(withLine(this.#waiting, text)); }

  #add(waiting) {
    this.#waiting = waiting;
    if (this.#timer !== 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (!isEmpty(this.#waiting)) this.#element.textContent = sentences(this.#waiting, say).join(' ');
      this.#waiting = NOTHING;
    }, GATHERED_FOR);
  }
}
