// The kept sets of pictures: to show, to keep, to forget, and to go round.

import { say } from '../../words/language.js';

export class SetsDialog {
  #dialog; #template; #on;

  /**
   * - dialog, template: the elements. - on: `read()` gives the sets by place, `keep(place)`, `forget(place)`, `show(place)`, `tour(seconds)`,
   *   `nameOf(kioskId)`, `hasPictures()`.
   */
  constructor({ dialog, template, on }) {
    this.#dialog = dialog;
    this.#template = template;
    this.#on = on;
    dialog.querySelector('.tour').addEventListener('click', () => {
      dialog.close();
      on.tour(dialog.querySelector('.dwell').value);
    });
  }

  open() {
    this.#draw();
    this.#dialog.showModal();
  }

  #draw() {
    const sets = this.#on.read();
    const act = (action) => { action(); this.#draw(); };
    this.#dialog.querySelector('ol').replaceChildren(...sets.map((set, place) => {
      const item = this.#template.content.firstElementChild.cloneNode(true);
      item.querySelector('kbd').textContent = `⇧${place + 1}`;
      const names = set ? set.kiosks.map(this.#on.nameOf).join(', ') : say('sets.empty');
      item.querySelector('.set-names').textContent = names;
      const button = (name, isOffered, action) => {
        const element = item.querySelector(`.${name}`);
        element.hidden = !isOffered;
        element.setAttribute('aria-label', `${say(`sets.${name}`)} ${place + 1}`);
        element.addEventListener('click', action);
      };
      button('show', set !== null, () => { this.#dialog.close(); this.#on.show(place); });
      button('keep', this.#on.hasPictures(), () => act(() => this.#on.keep(place)));
      button('forget', set !== null, () => act(() => this.#on.forget(place)));
      return item;
    }));
    const round = this.#dialog.querySelectorAll('.tour, .dwell, .dwell-label');
    for (const element of round) element.hidden = sets.filter(Boolean).length < 2;
  }
}
