// The panels beside the pictures, which may be folded away.

/** What a panel was last time is remembered in this browser. */
export class Panel {
  #room; #button; #name;

  /** - room: the element whose layout follows. - button: folds and unfolds. - name: of the panel in `data-NAME` and in the browser's memory. */
  constructor({ room, button, name }) {
    this.#room = room;
    this.#button = button;
    this.#name = name;
    button.addEventListener('click', () => this.toggle());
    this.#show(localStorage.getItem(this.#key) === 'folded');
  }

  get #key() { return `kiosk-console.${this.#name}`; }

  toggle() {
    const isFolded = this.#room.dataset[this.#name] !== 'folded';
    if (isFolded) localStorage.setItem(this.#key, 'folded'); else localStorage.removeItem(this.#key);
    this.#show(isFolded);
  }

  #show(isFolded) {
    this.#room.dataset[this.#name] = isFolded ? 'folded' : 'open';
    this.#button.setAttribute('aria-expanded', String(!isFolded));
  }
}
