// What there is to say where a list of the server's is not, or not yet, or not wholly, on the page.

import { say } from '../../words/language.js';
import { refusalText } from '../../words/texts.js';
import { button, make } from './dom.js';

export class RemoteState {
  element; #text; #again; #more;

  /** - again(), more(): the list is to be read again, or on. */
  constructor({ again, more = () => {} }) {
    this.#text = make('p', { role: 'status', class: 'none', testid: 'remote-text' });
    this.#again = button('remote.again', again, { testid: 'remote-again' });
    this.#more = button('remote.more', more, { testid: 'remote-more' });
    this.element = make('div', { class: 'remote', testid: 'remote' }, this.#text, this.#again, this.#more);
  }

  /** - list: as state/remote.js has it. - shown: how many items are on the page. - none: what to say where the list is empty. */
  show({ phase, next, error }, shown, none) {
    const text = phase === 'failed' ? refusalText(error)
      : phase === 'loading' && shown === 0 ? say('remote.loading')
        : phase === 'more' ? say('remote.loading')
          : phase === 'ready' && shown === 0 ? none : '';
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#text.classList.toggle('failed', phase === 'failed');
    this.#again.hidden = phase !== 'failed';
    this.#more.hidden = next === null || phase !== 'ready';
  }
}
